-- Find the newest second that a page of owners has booked of some things.
-- KEYS     roots of the owners' keys; in a cluster as lib/owners says
-- ARGV[1]  msgpack array of thing numbers
-- Returns: list: false or the resolution that is still exact, then the second, or false for none
-- Errors: none of its own
-- Idempotent: yes. Writes nothing
-- Cost: per owner and thing 1 to 5 hashes and the end of a leaf; only 1 or 2 where another owner's
--       is newer than its newest month; 1,000 owners
-- @include lib/leaf_reads
-- @include lib/owners

local things = cmsgpack.unpack(ARGV[1])
local newest = -1

local LAST_FIELD_LEVEL = { month = 'day', day = 'hour', hour = 'minute' }
local UNIT_S = { day = 86400, hour = 3600, minute = 60 }

-- The highest numeric field of a hash, its count, and the count of all.
local function last_field(key)
  local values, last, last_count, counted = redis.call('HGETALL', key), nil, 0, 0
  for at = 1, #values, 2 do
    local number = tonumber(values[at])
    if number then
      local _, count = read_total(values[at + 1])
      counted = counted + count
      if not last or number > last then last, last_count = number, count end
    end
  end
  return last, last_count, counted
end

-- Take the last record of the leaf of a unit's bookings.
local function note_last_record(prefix, unit, count)
  local leaf = redis.call('GET', leaf_key(prefix, unit))
  local size = leaf and leaf_shape(leaf).size
  if not leaf or (#leaf - 1) / size < count then return note_lost('day') end
  newest = math.max(newest, unit.start + struct.unpack('>I3', leaf, #leaf - size + 1))
end

local function note_unit(prefix, unit, count)
  if not is_split(unit, count) then return note_last_record(prefix, unit, count) end
  local last, last_count, counted = last_field(totals_key_below(prefix, unit))
  if counted < count then return note_lost(unit.level == 'month' and 'month' or 'day') end
  local size = UNIT_S[LAST_FIELD_LEVEL[unit.level]]
  local start = unit.start + (unit.level == 'month' and last - 1 or last) * size
  if start + size - 1 > newest then note_unit(prefix, unit_below(unit, start), last_count) end
end

local function note_thing(prefix)
  local year, year_count = last_field(prefix .. ':y')
  if not year or year_start(year + 1) * 86400 - 1 <= newest then return end
  local month, month_count, counted = last_field(prefix .. ':m:' .. year)
  if counted < year_count then return note_lost('year') end
  local start = year_start(year) * 86400
  for _ = 2, month do start = day_of(start + 31 * 86400).month_start end
  if day_of(start + 31 * 86400).month_start - 1 <= newest then return end
  note_unit(prefix, unit_of_month(start), month_count)
end

for _, root in ipairs(owner_roots(1)) do
  for _, thing in ipairs(things) do note_thing(root .. ':' .. thing) end
end
return { lost, newest >= 0 and newest }
