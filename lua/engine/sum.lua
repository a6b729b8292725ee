-- Sum things over a range for a page of owners.
-- KEYS     roots of the owners' keys, e.g. psd:{1503960366}; in a cluster all of one slot
-- ARGV[1]  msgpack plan (psd/engine/plan.py): [weeks, years, part_years, verify_months,
--          verify_days]; weeks is [[key suffix, [fields]]], years a list of fields, a part year
--          [field, key suffix, is_total, [months], [part months]], a part month [field, label,
--          start, is_total, [days], [part days]], a part day [field, label, start, low, high];
--          seconds are Unix seconds, high is exclusive; is_total means: the unit's total minus
--          what follows; verify_* are true where that level has a lifetime
-- ARGV[2]  msgpack array of thing numbers
-- ARGV[3]  packed atid to filter by, or an empty string for all
-- Returns: list: false or the resolution that is still exact ("day", "month", "year"), then one
--          integer per owner and thing, owner by owner
-- Errors: PSD_OUT_OF_BOUNDS a sum passes +-(2^53 - 1)
-- Idempotent: yes. Writes nothing
-- Cost: per owner and thing at most 1 + 2 + 2 hashes and 2 leaves of 512 records; 1,000 owners
-- @include lib/leaf_reads

local plan = cmsgpack.unpack(ARGV[1])
local things = cmsgpack.unpack(ARGV[2])
local atid = ARGV[3] ~= '' and ARGV[3] or nil
local typed = atid and ':' .. id_text(atid)
local weeks, years, part_years, verify_months, verify_days = unpack(plan)

-- Fields of whole units (of the atid, if one is asked) followed by those of part units: always
-- over all atids, which tells whether there is anything, and the atid's where it is needed.
local function fields_of(whole, parts, is_total_at)
  local fields = {}
  for at = 1, #whole do fields[at] = typed and whole[at] .. typed or whole[at] end
  for _, part in ipairs(parts) do
    fields[#fields + 1] = part[1]
    if typed and is_total_at and part[is_total_at] then fields[#fields + 1] = part[1] .. typed end
  end
  return fields
end

-- Whether a hash of totals still has every booking that the total above it counts.
local function is_whole(key, count, verify, values)
  if not verify then
    for at = 1, #values do
      if values[at] then return true end
    end
    return redis.call('EXISTS', key) == 1
  end
  local all, found = redis.call('HGETALL', key), 0
  for at = 1, #all, 2 do
    if tonumber(all[at]) then
      local _, below = read_total(all[at + 1])
      found = found + below
    end
  end
  return found >= count
end

-- Sum of one level: whole units, then `below` for part units with their counts.
local function level_sum(key, whole, parts, is_total_at, below, whole_check)
  local fields = fields_of(whole, parts, is_total_at)
  if #fields == 0 then return 0 end
  local values = redis.call('HMGET', key, unpack(fields))
  if whole_check then whole_check(values) end
  local sum, at = 0, #whole
  for number = 1, #whole do sum = sum + read_total(values[number]) end
  for _, part in ipairs(parts) do
    at = at + 1
    local total, count = read_total(values[at])
    local is_total = is_total_at and part[is_total_at]
    if typed and is_total then
      at = at + 1
      total = read_total(values[at])
    end
    if count > 0 then
      if is_total then
        sum = sum + total - below(part, count)
      else
        sum = sum + below(part, count)
      end
    end
  end
  return sum
end

local function month_sum(prefix, part, count)
  local month = { level = 'month', label = part[2], start = part[3] }
  local key = prefix .. ':d:' .. part[2]
  return level_sum(key, part[5], part[6], nil, function(day, day_count)
    local unit = { level = 'day', label = day[2], start = day[3] }
    return day_sum(prefix, month, count, unit, day_count, day[4], day[5], atid)
  end, function(values)
    if not is_whole(key, count, verify_days, values) then note_lost('month') end
  end)
end

local function year_sum(prefix, part, count)
  local key = prefix .. ':' .. part[2]
  return level_sum(key, part[4], part[5], 4, function(month, month_count)
    return month_sum(prefix, month, month_count)
  end, function(values)
    if not is_whole(key, count, verify_months, values) then note_lost('year') end
  end)
end

local function thing_sum(prefix)
  local sum = level_sum(prefix .. ':y', years, part_years, 3, function(part, count)
    return year_sum(prefix, part, count)
  end)
  for _, block in ipairs(weeks) do
    sum = sum + level_sum(prefix .. ':' .. block[1], block[2], {})
  end
  return sum
end

local sums = { false }
for _, root in ipairs(KEYS) do
  leaves = {}
  for _, thing in ipairs(things) do
    local sum = thing_sum(root .. ':' .. thing)
    if math.abs(sum) > SUM_MAX then
      return redis.error_reply('PSD_OUT_OF_BOUNDS sum: the range adds up past +-(2^53 - 1)')
    end
    sums[#sums + 1] = sum
  end
end
sums[1] = lost
return sums
