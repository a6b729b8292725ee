-- Units: where a booking's leaf is. A month's bookings are one leaf until they pass
-- LEAF_RECORDS.month; then each day has its own, and so on by hour, minute and second. A second
-- that passes LEAF_RECORDS.second is crowded: its bookings are a hash (lib/crowd). Where a unit's
-- bookings are follows from their number alone, which the unit's total tells.
-- Seldom: totals_key_below
-- @include lib/calendar: day_of

-- A leaf is read whole, 1.3 ns a byte. 128 records are some 1.3 KB; days and shorter units may
-- have 512, because a leaf of the next finer unit would often hold a handful only.
local LEAF_RECORDS = { month = 128, day = 512, hour = 512, minute = 512, second = 512 }

-- Units below a unit: their level and length, their first and last number, and where in the key
-- of their totals the label follows.
local BELOW = {
  month = { level = 'day', size = 86400, first = 1, last = 31, totals = ':d:' },
  day = { level = 'hour', size = 3600, first = 0, last = 23, totals = ':h:' },
  hour = { level = 'minute', size = 60, first = 0, last = 59, totals = ':n:' },
  minute = { level = 'second', size = 1, first = 0, last = 59, totals = ':s:' },
}

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
  local below = BELOW[unit.level]
  local number = math.floor((second - unit.start) / below.size)
  return { level = below.level, label = unit.label .. string.format('%02d', number),
    start = unit.start + number * below.size, field = number }
end

-- Whether this many bookings of the unit are in leaves of the units below.
local function is_split(unit, count)
  return unit.level ~= 'second' and count > LEAF_RECORDS[unit.level]
end

-- Whether this many bookings of a second are in a hash.
local function is_crowded(unit, count)
  return unit.level == 'second' and count > LEAF_RECORDS.second
end

-- Key of the totals of the units below, given the key prefix of owner and thing.
local function totals_key_below(prefix, unit)
  return prefix .. BELOW[unit.level].totals .. unit.label
end

-- Whether they are there in Redis. Schema 1 kept all bookings of a minute in one leaf; such a
-- minute has no totals of seconds until it is booked on again.
local function stands_split(prefix, unit, count)
  return is_split(unit, count)
    and (unit.level ~= 'minute' or redis.call('EXISTS', totals_key_below(prefix, unit)) == 1)
end

local function leaf_key(prefix, unit)
  return prefix .. ':l:' .. unit.label
end
