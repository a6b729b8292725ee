-- Descent: what of an owner's thing answers sums by the buckets between ascending seconds: totals
-- as they stand, only as fine as the boundaries cut, and the bookings of leaves that they cut.
-- Nothing is added up here: whoever asked takes each unit that lies in one bucket from the totals
-- above, and all else from what is handed over below it.
-- @include lib/leaf_reads: note_lost, leaf_at, leaf_of, leaf_slice, PARTS_NAMED
-- @include lib/below: FIELDS_BELOW, month_starts, years_met
-- @include lib/calendar: year_start
-- @include lib/effort: spend, spend_on_handing, is_overspent
-- @include lib/hash_reads: named_values, number_texts
-- @include lib/leaf: leaf_shape
-- @include lib/totals: read_total
-- @include lib/units: BELOW, totals_key_below, stands_split, leaf_key

-- A month of so many bookings at most is handed over, where its leaf is whole: as fast as its days,
-- and in the same read are those of days that are cut.
local LEAF_FIRST_RECORDS = 64

-- To go down to a unit takes as long as so many fields.
local UNIT_STEPS = 12

-- One owner's answer: levels of totals are lists [level, first second or year, bookings that they
-- should have, values by position, parts by atid as field and value by turns]; parts are first
-- seconds and records by turns.
local function new_descent(bounds, atids, by_atid)
  return { bounds = bounds, low = bounds[1], high = bounds[bounds.last_place or #bounds],
    atids = atids, by_atid = by_atid, totals = {}, parts = {} }
end

-- Boundaries of which all between the first and the last are a step apart, the second of them at
-- `begin`: there may be 10,000 of them, and few are looked at, so they are made when they are.
local function even_bounds(first, begin, step, number, last)
  local bounds = { first, begin = begin, step = step, last_place = number }
  bounds[number] = last
  return setmetatable(bounds, { __index = function(_, at)
    if at > 1 and at < number then return begin + (at - 2) * step end
  end })
end

-- Place of the first boundary that is not before a second.
local function bound_from(bounds, second)
  if bounds.step then
    local at = 2 + math.max(0, math.ceil((second - bounds.begin) / bounds.step))
    if second <= bounds[1] then return 1 end
    if at < bounds.last_place then return at end
    return bounds.last_place + (second > bounds[bounds.last_place] and 1 or 0)
  end
  local low, high = 1, #bounds + 1
  while low < high do
    local middle = math.floor((low + high) / 2)
    if bounds[middle] < second then low = middle + 1 else high = middle end
  end
  return low
end

-- Places of the units that a boundary cuts, of units that begin at these seconds; the last of them
-- is the end of all.
local function cut_units(bounds, starts)
  local cut, last = {}, starts[#starts]
  local at = bound_from(bounds, starts[1] + 1)
  local place = 1
  while bounds[at] and bounds[at] < last do
    while starts[place + 1] <= bounds[at] do place = place + 1 end
    if bounds[at] > starts[place] then
      cut[#cut + 1] = place
      at = bound_from(bounds, starts[place + 1])
    else
      at = at + 1
    end
  end
  return cut
end

-- First seconds of the units below a unit, and its end.
local function starts_below(unit)
  if unit.level == 'year' then return month_starts(tonumber(unit.label)) end
  local starts, size = {}, BELOW[unit.level].size
  for at = 0, #FIELDS_BELOW[unit.level].fields do starts[at + 1] = unit.start + at * size end
  if unit.level == 'month' then starts[#starts] = unit.stop end
  return starts
end

-- Parts by atid of all units of a hash that has `values` of the fields, or of those that are asked.
local function parts_of(descent, key, fields, values)
  local atids, present = descent.atids, {}
  for at, field in ipairs(fields) do
    if values[at] then present[#present + 1] = field end
  end
  if #present == 0 then return {} end
  local wanted = atids and not descent.by_atid and #present * #atids.texts or math.huge
  if wanted > PARTS_NAMED then
    spend(2 * redis.call('HLEN', key))
    return is_overspent() and {} or redis.call('HGETALL', key)
  end
  local named, found = {}, {}
  for _, field in ipairs(present) do
    for _, typed in ipairs(atids.texts) do named[#named + 1] = field .. typed end
  end
  for at, value in ipairs(named_values(key, named)) do
    if value then found[#found + 1], found[#found + 2] = named[at], value end
  end
  return found
end

-- Hand over totals with the parts that are asked.
local function add_totals(descent, level, first, count, key, fields, values)
  spend(math.ceil(#fields / 4))
  local has_parts = descent.atids or descent.by_atid
  local parts_key = level == 'month' and key .. ':t' or key
  descent.totals[#descent.totals + 1] = { level, first, count, values,
    has_parts and parts_of(descent, parts_key, fields, values) or {} }
end

local function add_part(descent, leaf, start, from, to)
  if from >= to then return end
  spend_on_handing(to - from)
  local next_at, size = #descent.parts, leaf_shape(leaf).size
  descent.parts[next_at + 1] = start
  descent.parts[next_at + 2] =
    string.sub(leaf, 1, 1) .. string.sub(leaf, from * size + 2, to * size + 1)
end

-- Whether the leaf of a unit's bookings has all of them; then those in the range are handed over.
local function add_whole_leaf(descent, prefix, unit)
  local leaf = leaf_of(prefix, unit, unit.count)
  if not leaf then return false end
  local from, to = leaf_slice(leaf, unit, unit.count, descent.low, descent.high)
  if not from then return false end
  add_part(descent, leaf, unit.start, from, to)
  return true
end

-- A day whose bookings are still in its month's leaf: only its own need to be there.
local function add_day(descent, prefix, month, day)
  local leaf = leaf_at(leaf_key(prefix, month))
  if not leaf then return note_lost('day') end
  local from, to = leaf_slice(leaf, month, 0, day.start, day.start + 86400)
  if to - from < day.count then return note_lost('day') end
  from, to = leaf_slice(leaf, month, 0, math.max(day.start, descent.low),
    math.min(day.start + 86400, descent.high))
  add_part(descent, leaf, month.start, from, to)
end

local descend_unit

-- The totals of the units below a unit, and what is below those that are cut.
local function descend_below(descent, prefix, unit, has_leaf)
  local level = unit.level
  local key = level == 'year' and prefix .. ':m:' .. unit.label or totals_key_below(prefix, unit)
  local named, starts = FIELDS_BELOW[level], starts_below(unit)
  local values = named_values(key, named.fields)
  add_totals(descent, level, unit.start, unit.count, key, named.fields, values)
  for _, at in ipairs(cut_units(descent.bounds, starts)) do
    if is_overspent() then return end
    if values[at] then
      local _, count = read_total(values[at])
      local below = { level = level == 'year' and 'month' or BELOW[level].level, count = count,
        label = unit.label .. named.labels[at], start = starts[at], stop = starts[at + 1] }
      if has_leaf then
        add_day(descent, prefix, unit, below)
      else
        descend_unit(descent, prefix, below)
      end
    end
  end
end

function descend_unit(descent, prefix, unit)
  spend(UNIT_STEPS)
  local has_leaf = unit.level ~= 'year' and not stands_split(prefix, unit, unit.count)
  local has_totals = not has_leaf or unit.level == 'month'
  if has_leaf and not (has_totals and unit.count > LEAF_FIRST_RECORDS)
    and add_whole_leaf(descent, prefix, unit) then
    return
  end
  if not has_totals then return note_lost('day') end
  descend_below(descent, prefix, unit, has_leaf)
end

-- Add what answers the buckets of an owner's thing.
local function descend(descent, prefix)
  if descent.low >= descent.high then return end
  local first, last = years_met(descent.low, descent.high)
  local fields, key, starts = number_texts(first, last), prefix .. ':y', {}
  local values = named_values(key, fields)
  for year = first, last + 1 do starts[#starts + 1] = year_start(year) * 86400 end
  add_totals(descent, 'years', first, 0, key, fields, values)
  for _, at in ipairs(cut_units(descent.bounds, starts)) do
    if values[at] then
      local _, count = read_total(values[at])
      descend_unit(descent, prefix, { level = 'year', label = fields[at], count = count,
        start = starts[at], stop = starts[at + 1] })
    end
  end
end
