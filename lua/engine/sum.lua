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
for number = 1, #things do things[number] = ':' .. things[number] end
local atid = ARGV[3] ~= '' and ARGV[3] or nil
local typed = atid and ':' .. id_text(atid)
local weeks, years, part_years, verify_months, verify_days = unpack(plan)

-- What one level reads, the same for every owner: fields of whole units (of the atid, if one is
-- asked) followed by those of part units, always over all atids, which tells whether there is
-- anything, and the atid's where a part is its total minus what lies outside. Days have their
-- atids in a hash beside.
local function prepared(suffix, whole, parts, is_total_at, verify)
  local level = { suffix = suffix, whole = #whole, parts = {}, fields = {}, verify = verify }
  local fields = level.fields
  for at = 1, #whole do fields[at] = typed and whole[at] .. typed or whole[at] end
  if typed and string.sub(suffix, 1, 3) == ':d:' then
    level.whole, level.typed_fields, level.fields = 0, fields, {}
    fields = level.fields
  end
  for number, plan_part in ipairs(parts) do
    local part = { is_total = is_total_at and plan_part[is_total_at], plan = plan_part }
    fields[#fields + 1] = plan_part[1]
    part.typed_total = typed and part.is_total
    if part.typed_total then fields[#fields + 1] = plan_part[1] .. typed end
    level.parts[number] = part
  end
  return level
end

local year_level = prepared(':y', years, part_years, 3, false)
local week_levels = {}
for number, block in ipairs(weeks) do
  week_levels[number] = prepared(':' .. block[1], block[2], {}, nil, false)
end
for _, year in ipairs(year_level.parts) do
  year.below = prepared(':' .. year.plan[2], year.plan[4], year.plan[5], 4, verify_months)
  year.below.resolution = 'year'
  for _, month in ipairs(year.below.parts) do
    month.unit = { level = 'month', label = month.plan[2], start = month.plan[3] }
    month.below = prepared(':d:' .. month.plan[2], month.plan[5], month.plan[6], nil, verify_days)
    month.below.resolution = 'month'
    for _, day in ipairs(month.below.parts) do
      day.unit = { level = 'day', label = day.plan[2], start = day.plan[3] }
    end
  end
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

local level_sum

-- Sum of what a part unit with `count` bookings that add up to `total` reads below itself.
local function part_sum(prefix, part, count, total, above, above_count)
  if part.below then return level_sum(prefix, part.below, part.unit, count) end
  local low, high = part.plan[4], part.plan[5]
  return day_sum(prefix, above, above_count, part.unit, count, total, low, high, atid)
end

-- Sum of one level of a unit that has `count` bookings (nil at the top).
function level_sum(prefix, level, unit, count)
  local fields, typed_fields = level.fields, level.typed_fields
  local key = prefix .. level.suffix
  local values = #fields > 0 and redis.call('HMGET', key, unpack(fields)) or {}
  if count and not is_whole(key, count, level.verify, values) then note_lost(level.resolution) end
  local sum, at = 0, level.whole
  if typed_fields and #typed_fields > 0 then
    local parts = redis.call('HMGET', key .. ':t', unpack(typed_fields))
    for number = 1, #typed_fields do
      if parts[number] then sum = added(sum, read_sum(parts[number])) end
    end
  end
  for number = 1, at do
    if values[number] then sum = added(sum, read_sum(values[number])) end
  end
  local parts = level.parts
  for number = 1, #parts do
    local part = parts[number]
    at = at + 1
    local total, part_count = read_total(values[at])
    if part.typed_total then
      at = at + 1
      total = read_sum(values[at])
    end
    if part_count > 0 then
      local below = part_sum(prefix, part, part_count, total, unit, count)
      sum = added(sum, part.is_total and added(total, -below) or below)
    end
  end
  return sum
end

local function thing_sum(prefix)
  local sum = level_sum(prefix, year_level)
  for number = 1, #week_levels do sum = added(sum, level_sum(prefix, week_levels[number])) end
  return sum
end

local sums = { false }
for _, root in ipairs(KEYS) do
  leaves = {}
  for number = 1, #things do
    local sum = thing_sum(root .. things[number])
    if not in_bounds then
      return redis.error_reply('PSD_OUT_OF_BOUNDS sum: the range adds up past +-(2^53 - 1)')
    end
    sums[#sums + 1] = sum
  end
end
sums[1] = lost
return sums
