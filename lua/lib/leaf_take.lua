-- Leaf take: the bookings of a unit, out of whatever leaves they are in, to be put elsewhere.
-- @include lib/units
-- @include lib/cells
-- @include lib/leaf

-- Every booking that leaves hold below a unit; notes the deletion of those leaves and totals.
local function take_records(prefix, unit, count, records)
  if not is_split(unit, count) then
    local key = leaf_key(prefix, unit)
    local leaf = redis.call('GET', key)
    if leaf then
      for _, record in ipairs(leaf_records(leaf, unit.start)) do records[#records + 1] = record end
      write('DEL', key)
    end
    return records
  end
  local key = totals_key_below(prefix, unit)
  local totals = redis.call('HGETALL', key)
  local size = unit.level == 'month' and 86400 or unit.level == 'day' and 3600 or 60
  for at = 1, #totals, 2 do
    local number = tonumber(totals[at])
    if number then
      local _, below_count = read_total(totals[at + 1])
      local position = unit.level == 'month' and number - 1 or number
      take_records(prefix, unit_below(unit, unit.start + position * size), below_count, records)
    end
  end
  if unit.level ~= 'month' then
    write('DEL', key)
    hashes[key] = nil
  end
  return records
end
