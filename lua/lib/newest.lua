-- Newest: the newest second that an owner has booked of a thing. The year hash has it in its field
-- "newest"; where that is missing (a hash from before psd kept it, or nothing is booked) it is
-- found by going down from the years to the last record of the last leaf.
-- Seldom: find_newest_kept
-- @include lib/leaf_reads: lost, note_lost
-- @include lib/below: FIRST_YEAR, LAST_YEAR, FIELDS_BELOW
-- @include lib/calendar: year_start, day_of
-- @include lib/crowd: crowd_key
-- @include lib/hash_reads: named_values, number_texts
-- @include lib/leaf: leaf_shape
-- @include lib/totals: read_total
-- @include lib/units: BELOW, unit_of_month, unit_below, is_crowded, totals_key_below, stands_split
-- @include lib/units: leaf_key

-- The newest second of all that were noted, -1 for none.
local newest = -1

-- Whether the owner that was noted last has bookings of the thing, kept in detail or not.
local is_booked = false

-- The highest of some fields of a hash: its place among them, its count, and the count of all.
local function last_field(key, fields)
  local last, last_count, counted = nil, 0, 0
  for at, value in ipairs(named_values(key, fields)) do
    if value then
      local _, count = read_total(value)
      last, last_count, counted = at, count, counted + count
    end
  end
  return last, last_count, counted
end

local function last_year(prefix)
  -- Most who are asked about and have no field "newest" have nothing: 230 fields less to look for.
  if redis.call('EXISTS', prefix .. ':y') == 0 then return nil end
  local last, count = last_field(prefix .. ':y', number_texts(FIRST_YEAR, LAST_YEAR))
  return last and FIRST_YEAR + last - 1, count
end

-- Take the last record of the leaf of a unit's bookings.
local function note_last_record(prefix, unit, count)
  if is_crowded(unit, count) then
    if redis.call('HLEN', crowd_key(prefix, unit)) == 0 then return note_lost('day') end
    newest = math.max(newest, unit.start)
    return
  end
  local leaf = redis.call('GET', leaf_key(prefix, unit))
  local size = leaf and leaf_shape(leaf).size
  if not leaf or (#leaf - 1) / size < count then return note_lost('day') end
  newest = math.max(newest, unit.start + struct.unpack('>I3', leaf, #leaf - size + 1))
end

local function note_last_of_unit(prefix, unit, count)
  if not stands_split(prefix, unit, count) then return note_last_record(prefix, unit, count) end
  local below = BELOW[unit.level]
  local last, last_count, counted =
    last_field(totals_key_below(prefix, unit), FIELDS_BELOW[unit.level].fields)
  if counted < count then return note_lost(unit.level == 'month' and 'month' or 'day') end
  local start = unit.start + (last - 1) * below.size
  if start + below.size - 1 > newest then
    note_last_of_unit(prefix, unit_below(unit, start), last_count)
  end
end

-- Note the newest booking by going down; only as far as it can be newer than what is noted.
local function find_newest(prefix)
  local year, year_count = last_year(prefix)
  is_booked = year ~= nil
  if not year or year_start(year + 1) * 86400 - 1 <= newest then return end
  local month, month_count, counted = last_field(prefix .. ':m:' .. year, FIELDS_BELOW.year.fields)
  if counted < year_count then return note_lost('year') end
  local start = year_start(year) * 86400
  for _ = 2, month do start = day_of(start + 31 * 86400).month_start end
  if day_of(start + 31 * 86400).month_start - 1 <= newest then return end
  note_last_of_unit(prefix, unit_of_month(start), month_count)
end

-- The same without losing the answer of a call where detail has expired: then none is noted.
local function find_newest_kept(prefix)
  local lost_before = lost
  find_newest(prefix)
  lost = lost_before
end

-- Note the newest booking of an owner's thing, given the field of its year hash.
local function note_newest(prefix, field)
  if field then
    is_booked = true
    newest = math.max(newest, tonumber(field))
  else
    find_newest_kept(prefix)
  end
end

-- The same where nothing else is read of the year hash.
local function note_newest_of(prefix)
  note_newest(prefix, redis.call('HGET', prefix .. ':y', 'newest'))
end

-- What a reply says: the newest second of all that were noted, or false.
local function newest_told()
  return newest >= 0 and newest
end
