-- Descent: from the years of an owner's thing down to its bookings, in the order of time, only as
-- deep as a visitor wants. A visitor has
--   low, high                  the seconds that are asked, high excluded
--   place(start, stop)         nil: nothing of this unit is wanted; false: not as a whole; else it
--                              is, at that place
--   take(key, taken)           units whose totals are wanted: { number, sum, count, place }, all
--                              of one level; `key` is the hash that has their parts by atid
--   read(leaf, unit, from, to) records from .. to - 1 of a unit's leaf
-- What has expired is noted as in lib/leaf_reads. Nothing more is shown once one owner has taken
-- what lib/effort allows.
-- @include lib/leaf_reads

-- A month of so many bookings at most is read from its leaf, where that is whole: as fast as its
-- days, and in the same read are those of days that are cut.
local LEAF_FIRST_RECORDS = 64

local function entry_of(number, value, start, stop)
  local sum, count = read_total(value)
  return { number = number, sum = sum, count = count, start = start, stop = stop }
end

-- Years that have bookings and meet [low, high).
local function years_within(prefix, low, high)
  local first, last = years_met(low, high)
  local values, entries = named_values(prefix .. ':y', number_texts(first, last)), {}
  for year = first, last do
    local value = values[year - first + 1]
    if value then
      local starts = month_starts(year)
      entries[#entries + 1] = entry_of(year, value, starts[1], starts[13])
    end
  end
  return entries
end

-- Units below a unit that have bookings, in order, and the key of their totals.
local function entries_below(prefix, unit)
  local level, below = unit.level, FIELDS_BELOW[unit.level]
  local key = level == 'year' and prefix .. ':m:' .. unit.label or totals_key_below(prefix, unit)
  local values, entries, counted = named_values(key, below.fields), {}, 0
  local starts, size = unit.starts, level ~= 'year' and BELOW[level].size
  for at = 1, #below.fields do
    if values[at] then
      local start = starts and starts[at] or unit.start + (at - 1) * size
      local entry = entry_of(tonumber(below.fields[at]), values[at], start,
        starts and starts[at + 1] or start + size)
      entries[#entries + 1] = entry
      counted = counted + entry.count
    end
  end
  spend(2 * #entries)
  if counted < unit.count then note_lost(below.resolution) end
  return entries, key
end

-- Whether the leaf of a unit's bookings has all of them; then those that are asked are read.
local function read_whole_leaf(prefix, unit, visitor)
  local leaf = leaf_of(prefix, unit, unit.count)
  if not leaf then return false end
  local from, to = leaf_slice(leaf, unit, unit.count, visitor.low, visitor.high)
  if not from then return false end
  if from < to then visitor.read(leaf, unit, from, to) end
  return true
end

-- A day whose bookings are still in its month's leaf: only its own need to be there.
local function read_day(prefix, month, day, visitor)
  local leaf = leaf_at(leaf_key(prefix, month))
  if not leaf then return note_lost('day') end
  local from, to = leaf_slice(leaf, month, 0, day.start, day.stop)
  if to - from < day.count then return note_lost('day') end
  from, to = leaf_slice(leaf, month, 0, math.max(day.start, visitor.low),
    math.min(day.stop, visitor.high))
  if from < to then visitor.read(leaf, month, from, to) end
end

local visit_entries

local function visit_unit(prefix, unit, visitor)
  local has_leaf = unit.level ~= 'year' and not stands_split(prefix, unit, unit.count)
  local has_totals = not has_leaf or unit.level == 'month'
  if has_leaf and not (has_totals and unit.count > LEAF_FIRST_RECORDS)
    and read_whole_leaf(prefix, unit, visitor) then
    return
  end
  if not has_totals then return note_lost('day') end
  local entries, key = entries_below(prefix, unit)
  visit_entries(prefix, unit, entries, key, visitor)
end

-- A unit of which not the whole is wanted; `above` is nil for a year.
local function visit_part(prefix, above, entry, visitor)
  local unit
  if not above then
    unit = { level = 'year', label = tostring(entry.number), starts = month_starts(entry.number) }
  elseif above.level == 'year' then
    unit = unit_of_month(entry.start)
  elseif above.level == 'month' and not is_split(above, above.count) then
    return read_day(prefix, above, entry, visitor)
  else
    unit = unit_below(above, entry.start)
  end
  unit.count = entry.count
  visit_unit(prefix, unit, visitor)
end

function visit_entries(prefix, above, entries, key, visitor)
  local taken = {}
  for _, entry in ipairs(entries) do
    if is_overspent() then return end
    local place = visitor.place(entry.start, entry.stop)
    if place then
      entry.place = place
      taken[#taken + 1] = entry
    elseif place == false then
      visit_part(prefix, above, entry, visitor)
    end
  end
  if #taken > 0 then
    visitor.take(above and above.level == 'month' and key .. ':t' or key, taken)
  end
end

-- Show a visitor all that an owner's thing has in [low, high).
local function descend(prefix, visitor)
  if visitor.low >= visitor.high then return end
  local entries = years_within(prefix, visitor.low, visitor.high)
  visit_entries(prefix, nil, entries, prefix .. ':y', visitor)
end
