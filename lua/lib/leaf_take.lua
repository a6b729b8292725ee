-- Leaf take: the bookings of a unit, out of whatever leaves they are in, to be put elsewhere.
-- @include lib/units: BELOW, unit_below, is_crowded, totals_key_below, stands_split, leaf_key
-- @include lib/cells: hashes
-- @include lib/crowd: crowd_key, unit_leaf
-- @include lib/leaf: leaf_records
-- @include lib/totals: read_total
-- @include lib/writes: write

-- Every booking that leaves hold below a unit; notes the deletion of those leaves and totals.
local function take_records(prefix, unit, count, records)
  if not stands_split(prefix, unit, count) then
    local leaf = unit_leaf(prefix, unit, count)
    local key = is_crowded(unit, count) and crowd_key(prefix, unit) or leaf_key(prefix, unit)
    if leaf then
      for _, record in ipairs(leaf_records(leaf, unit.start)) do records[#records + 1] = record end
      write('DEL', key)
    end
    return records
  end
  local key = totals_key_below(prefix, unit)
  local totals = redis.call('HGETALL', key)
  local below = BELOW[unit.level]
  for at = 1, #totals, 2 do
    local number = tonumber(totals[at])
    if number then
      local _, below_count = read_total(totals[at + 1])
      local start = unit.start + (number - below.first) * below.size
      take_records(prefix, unit_below(unit, start), below_count, records)
    end
  end
  if unit.level ~= 'month' then
    write('DEL', key)
    hashes[key] = nil
  end
  return records
end
