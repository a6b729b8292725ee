-- Descent: from the years of an owner's thing down to its bookings, in the order of time, only as
-- deep as a visitor wants. A visitor has
--   low, high                  the seconds that are asked, high excluded
--   place(start, stop)         nil: nothing of this unit is wanted; false: not as a whole; else it
--                              is, at that place
--   take(key, taken)           units whose totals are wanted: { number, sum, count, place }, all
--                              of one level; `key` is the hash that has their parts by atid
--   read(leaf, unit, from, to) records from .. to - 1 of a unit's leaf
--   by_booking                 true where no total is wanted, so that months need no days
-- What has expired is noted as in lib/leaf_reads.
-- @include lib/leaf_reads

-- A month of so many bookings at most is read from its leaf, where that is whole: as fast as its
-- days, and in the same read are those of days that are cut.
local LEAF_FIRST_RECORDS = 64

-- More years than this are read by listing the hash: a packed hash is searched field by field.
local YEARS_NAMED = 8

local function number_texts(first, last)
  local texts = {}
  for number = first, last do texts[#texts + 1] = tostring(number) end
  return texts
end

local NAMED = { year = number_texts(1, 12), day = number_texts(0, 23),
  hour = number_texts(0, 59), minute = number_texts(0, 59) }
local RESOLUTIONS = { year = 'year', month = 'month' }

local months_of_years = {}

-- First seconds of the months of a year, and of the year after it.
local function month_starts(year)
  local starts = months_of_years[year]
  if not starts then
    starts = { year_start(year) * 86400 }
    for month = 2, 13 do starts[month] = day_of(starts[month - 1] + 31 * 86400).month_start end
    months_of_years[year] = starts
  end
  return starts
end

-- Values by field number of a hash of totals: of these fields, or of all there are.
local function numbered_values(key, fields)
  local by_number = {}
  if fields then
    local values = redis.call('HMGET', key, unpack(fields))
    for at = 1, #fields do by_number[tonumber(fields[at])] = values[at] or nil end
    return by_number
  end
  local values = redis.call('HGETALL', key)
  for at = 1, #values, 2 do
    local number = tonumber(values[at])
    if number then by_number[number] = values[at + 1] end
  end
  return by_number
end

local function entry_of(number, value, start, stop)
  local sum, count = read_total(value)
  return { number = number, sum = sum, count = count, start = start, stop = stop }
end

-- Years that have bookings and meet [low, high).
local function years_within(prefix, low, high)
  local first, last = civil(math.floor(low / 86400)), civil(math.floor((high - 1) / 86400))
  local fields = last - first < YEARS_NAMED and number_texts(first, last) or nil
  local by_number, entries = numbered_values(prefix .. ':y', fields), {}
  for year = first, last do
    if by_number[year] then
      local starts = month_starts(year)
      entries[#entries + 1] = entry_of(year, by_number[year], starts[1], starts[13])
    end
  end
  return entries
end

local MONTHS = { first = 1, last = 12 }

-- Units below a unit that have bookings, in order, and the key of their totals.
local function entries_below(prefix, unit)
  local level, below = unit.level, BELOW[unit.level] or MONTHS
  local key = level == 'year' and prefix .. ':m:' .. unit.label or totals_key_below(prefix, unit)
  local by_number, entries, counted = numbered_values(key, NAMED[level]), {}, 0
  local starts, size, first = unit.starts, below.size, below.first
  for number = first, below.last do
    if by_number[number] then
      local start = starts and starts[number] or unit.start + (number - first) * size
      local entry = entry_of(number, by_number[number], start,
        starts and starts[number + 1] or start + size)
      entries[#entries + 1] = entry
      counted = counted + entry.count
    end
  end
  if counted < unit.count then note_lost(RESOLUTIONS[level] or 'day') end
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
  local has_totals = not has_leaf or unit.level == 'month' and not visitor.by_booking
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
