-- Below: how the units below a unit are named: their fields in its totals ("4" of a year is April),
-- how their labels end ("04"), and the level whose totals are not whole where some are missing.
-- @include lib/hash_reads: number_texts
-- @include lib/units: BELOW
-- @include lib/calendar: civil, year_start, day_of

-- Nothing is booked outside of these (psd/engine/events.py).
local FIRST_YEAR, LAST_YEAR = 1970, 2199

local function named_below(first, last, resolution)
  local labels = {}
  for number = first, last do labels[#labels + 1] = string.format('%02d', number) end
  return { fields = number_texts(first, last), labels = labels, resolution = resolution }
end

-- By level, each made when it is first asked for: most calls that book ask for none.
local FIELDS_BELOW = setmetatable({}, { __index = function(made, level)
  local below = BELOW[level]
  local named = level == 'year' and named_below(1, 12, 'year')
    or named_below(below.first, below.last, level == 'month' and 'month' or 'day')
  made[level] = named
  return named
end })

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

-- First and last year that [low, high) meets, within those that can have bookings.
local function years_met(low, high)
  local first, last = civil(math.floor(low / 86400)), civil(math.floor((high - 1) / 86400))
  return math.max(first, FIRST_YEAR), math.min(last, LAST_YEAR)
end
