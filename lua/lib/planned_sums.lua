-- Planned sums: the sum of an owner's thing over a range that psd/engine/plan.py has cut into
-- whole units and parts: [weeks, years, part_years, verify_months, verify_days]; weeks is
-- [[key suffix, [fields]]], years a list of fields, a part year [field, key suffix, is_total,
-- [months], [part months]], a part month [field, label, start, is_total, [days], [part days]], a
-- part day [field, label, start, low, high]; seconds are Unix seconds, high is exclusive; is_total
-- means: the unit's total minus what follows; verify_* are true where that level has a lifetime.
-- Seldom: has_counted
-- @include lib/newest: note_newest
-- @include lib/below: FIELDS_BELOW
-- @include lib/hash_reads: named_values
-- @include lib/leaf_reads: note_lost, added, leaves, PARTS_NAMED, parts_sum, day_sum
-- @include lib/totals: read_total, read_sum

-- What one level reads, the same for every owner: fields of whole units (of the atids, if some
-- are asked) followed by those of part units, always over all atids, which tells whether there is
-- anything, and the atids' where a part is its total minus what lies outside. Days have their
-- atids in a hash beside. What many atids have is picked out of the hash, and not named.
local function prepared_level(suffix, whole, parts, is_total_at, verify, atids)
  local level = { suffix = suffix, parts = {}, fields = {}, verify = verify, atids = atids }
  local fields, typed = level.fields, atids and atids.texts or { '' }
  if atids and (#whole + #parts) * #typed > PARTS_NAMED then
    level.picked, typed = {}, {}
    for number, field in ipairs(whole) do level.picked[number] = field end
  end
  for _, field in ipairs(whole) do
    for number = 1, #typed do fields[#fields + 1] = field .. typed[number] end
  end
  level.whole = #fields
  if atids and string.sub(suffix, 1, 3) == ':d:' then
    level.whole, level.typed_fields, level.fields = 0, fields, {}
    fields = level.fields
  end
  for number, plan_part in ipairs(parts) do
    local part = { is_total = is_total_at and plan_part[is_total_at], plan = plan_part }
    fields[#fields + 1] = plan_part[1]
    part.typed_totals = atids and part.is_total and #typed or 0
    if level.picked and part.is_total then level.picked[#level.picked + 1] = plan_part[1] end
    for at = 1, part.typed_totals do fields[#fields + 1] = plan_part[1] .. typed[at] end
    level.parts[number] = part
  end
  return level
end

-- Put the thing before the suffixes of a level's keys and of those below.
local function name_levels(level, thing)
  level.thing, level.suffix = thing, thing .. level.suffix
  for _, part in ipairs(level.parts) do
    if part.below then name_levels(part.below, thing) end
  end
end

-- The levels of a plan for one thing, for all atids or a set of them. With `tells_newest` the
-- newest second is noted of every owner that is summed: it stands in the hash of the years.
local function prepared_plan(plan, thing, atids, tells_newest)
  local weeks, years, part_years, verify_months, verify_days = unpack(plan)
  local year_level = prepared_level(':y', years, part_years, 3, false, atids)
  local levels = { year_level }
  for _, block in ipairs(weeks) do
    levels[#levels + 1] = prepared_level(':' .. block[1], block[2], {}, nil, false, atids)
  end
  for _, year in ipairs(year_level.parts) do
    year.below = prepared_level(':' .. year.plan[2], year.plan[4], year.plan[5], 4, verify_months,
      atids)
    year.below.resolution = 'year'
    for _, month in ipairs(year.below.parts) do
      month.unit = { level = 'month', label = month.plan[2], start = month.plan[3] }
      month.below = prepared_level(':d:' .. month.plan[2], month.plan[5], month.plan[6], nil,
        verify_days, atids)
      month.below.resolution = 'month'
      for _, day in ipairs(month.below.parts) do
        day.unit = { level = 'day', label = day.plan[2], start = day.plan[3] }
      end
    end
  end
  if tells_newest then
    year_level.fields[#year_level.fields + 1] = 'newest'
    year_level.newest_at = #year_level.fields
  end
  for _, level in ipairs(levels) do name_levels(level, ':' .. thing) end
  return levels
end

-- Whether the totals below a unit of this level tell of `count` bookings.
local function has_counted(key, level, count)
  local found = 0
  for _, value in ipairs(named_values(key, FIELDS_BELOW[level].fields)) do
    local _, below = read_total(value)
    found = found + below
  end
  return found >= count
end

-- Whether a hash of totals still has every booking that the total above it counts; `level` is that
-- of the total.
local function is_whole(key, level, count, verify, values)
  if verify then return has_counted(key, level, count) end
  for at = 1, #values do
    if values[at] then return true end
  end
  return redis.call('EXISTS', key) == 1
end

local level_sum

-- The range's sum of a part unit with `count` bookings that add up to `total`.
local function part_sum(root, level, part, count, total, above, above_count)
  local below
  if part.below then
    below = level_sum(root, part.below, part.unit, count)
  else
    below = day_sum(root .. level.thing, above, above_count, part.unit, count, total,
      part.plan[4], part.plan[5], level.atids)
  end
  return part.is_total and added(total, -below) or below
end

-- Sum of one level of a unit that has `count` bookings (nil at the top).
function level_sum(root, level, unit, count)
  local fields, typed_fields = level.fields, level.typed_fields
  local key = root .. level.suffix
  local values = #fields > 0 and named_values(key, fields) or {}
  if level.newest_at then note_newest(root .. level.thing, values[level.newest_at]) end
  if count and not is_whole(key, level.resolution, count, level.verify, values) then
    note_lost(level.resolution)
  end
  local sum, at = 0, level.whole
  if typed_fields and #typed_fields > 0 then
    local parts = named_values(key .. ':t', typed_fields)
    for number = 1, #typed_fields do
      if parts[number] then sum = added(sum, read_sum(parts[number])) end
    end
  end
  if level.picked then
    local is_beside = level.resolution == 'month'
    sum = added(sum, parts_sum(is_beside and key .. ':t' or key, level.picked, level.atids))
  end
  for number = 1, at do
    if values[number] then sum = added(sum, read_sum(values[number])) end
  end
  local parts = level.parts
  for number = 1, #parts do
    local part = parts[number]
    at = at + 1
    local total, part_count = read_total(values[at])
    if part.typed_totals > 0 or level.picked then
      total = 0
      for _ = 1, part.typed_totals do
        at = at + 1
        if values[at] then total = added(total, read_sum(values[at])) end
      end
    end
    if part_count > 0 then
      sum = added(sum, part_sum(root, level, part, part_count, total, unit, count))
    end
  end
  return sum
end

-- An owner's sum by the levels of a plan.
local function planned_sum(root, levels)
  local sum = level_sum(root, levels[1])
  for number = 2, #levels do sum = added(sum, level_sum(root, levels[number])) end
  return sum
end

-- Forget the leaves of the owner before.
local function next_owner()
  if next(leaves) then leaves = {} end
end
