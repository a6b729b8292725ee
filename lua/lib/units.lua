-- Units: where a booking's leaf is. A month's bookings are one leaf until they pass
-- LEAF_RECORDS.month; then each day has its own, and so on by hour and minute. Where a unit's
-- leaf is follows from its number of bookings alone, which the unit's total tells.
-- @include lib/calendar

-- A leaf is read whole, 1.3 ns a byte. 128 records are some 1.3 KB; days and hours may have 512,
-- because a leaf of the next finer unit would often hold a handful only.
local LEAF_RECORDS = { month = 128, day = 512, hour = 512, minute = math.huge }

local function unit_of_month(second)
  local day = day_of(second)
  return { level = 'month', label = day.month_label, start = day.month_start }
end

-- The unit below `unit` that holds a second.
local function unit_below(unit, second)
  if unit.level == 'month' then
    local day = day_of(second)
    return { level = 'day', label = day.label, start = day.start, field = day.date }
  end
  local size, level = 3600, 'hour'
  if unit.level == 'hour' then size, level = 60, 'minute' end
  local number = math.floor((second - unit.start) / size)
  return { level = level, label = unit.label .. string.format('%02d', number),
    start = unit.start + number * size, field = number }
end

-- Whether this many bookings of the unit are in leaves of the units below.
local function is_split(unit, count)
  return count > LEAF_RECORDS[unit.level]
end

local TOTALS_BELOW = { month = ':d:', day = ':h:', hour = ':n:' }

-- Key of the totals of the units below, given the key prefix of owner and thing.
local function totals_key_below(prefix, unit)
  return prefix .. TOTALS_BELOW[unit.level] .. unit.label
end

local function leaf_key(prefix, unit)
  return prefix .. ':l:' .. unit.label
end
