-- List one owner's activities with bookings in a range: sums by thing, first and last second.
-- KEYS[1]  root of the owner's keys
-- ARGV[1]  first second of the range
-- ARGV[2]  second after its last
-- ARGV[3]  msgpack array of thing numbers
-- ARGV[4]  packed msgpack array of packed atids to filter by, or an empty string for all
-- Returns: list: false or the resolution that is still exact, the newest second with a booking of
--          these things at any time or false, then for each activity: its packed aid, the packed
--          atid of its earliest booking of the first thing that has one, its bookings, first
--          second, last second, and its sum of each thing
-- Errors: PSD_OUT_OF_BOUNDS a sum passes +-(2^53 - 1)
-- Idempotent: yes. Writes nothing
-- Cost: O(bookings in range), 0.4 us each
-- @include lib/descent
-- @include lib/newest
-- @include lib/atid_sets

local range_start, range_end = tonumber(ARGV[1]), tonumber(ARGV[2])
local things, atids = cmsgpack.unpack(ARGV[3]), atid_set(ARGV[4])

local found, order, thing_number = {}, {}, 1

local function activity_of(aid, atid, second)
  local activity = found[aid]
  if not activity then
    activity = { aid = aid, atid = id_trimmed(atid), bookings = 0, first = second, last = second,
      sums = {} }
    for number = 1, #things do activity.sums[number] = 0 end
    found[aid] = activity
    order[#order + 1] = activity
  end
  return activity
end

local visitor = { low = range_start, high = range_end, by_booking = true }

function visitor.place(start, stop)
  if stop <= range_start or start >= range_end then return nil end
  return false
end

function visitor.read(leaf, unit, from, to)
  local shape = leaf_shape(leaf)
  local size, format = shape.size, shape.record
  local wanted = atids and atids.by_width[shape.atid]
  for at = from * size + 2, (to - 1) * size + 2, size do
    local offset, atid, aid, delta = struct.unpack(format, leaf, at)
    if not wanted or wanted[atid] then
      local second = unit.start + offset
      local activity = activity_of(id_trimmed(aid), atid, second)
      activity.bookings = activity.bookings + 1
      activity.first = math.min(activity.first, second)
      activity.last = math.max(activity.last, second)
      activity.sums[thing_number] = added(activity.sums[thing_number], delta)
    end
  end
end

for number, thing in ipairs(things) do
  thing_number = number
  descend(KEYS[1] .. ':' .. thing, visitor)
  note_newest_of(KEYS[1] .. ':' .. thing)
end
if not in_bounds then
  return redis.error_reply('PSD_OUT_OF_BOUNDS sum: an activity adds up past +-(2^53 - 1)')
end
local reply = { lost, newest_told() }
for _, activity in ipairs(order) do
  local at = #reply
  reply[at + 1], reply[at + 2] = activity.aid, activity.atid
  reply[at + 3], reply[at + 4], reply[at + 5] = activity.bookings, activity.first, activity.last
  for number = 1, #things do reply[at + 5 + number] = activity.sums[number] end
end
return reply
