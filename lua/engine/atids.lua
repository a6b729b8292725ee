-- Sum the bookings in a range by atid, with their number, first and last second: reads each one.
-- KEYS[1]  root of the owner's keys
-- ARGV[1]  thing number
-- ARGV[2]  first second of the range
-- ARGV[3]  second after its last
-- Returns: list: false or the resolution that is still exact, then for each atid in the order of
--          its first booking: the atid as text, its sum, bookings, first second, last second
-- Errors: PSD_OUT_OF_BOUNDS a sum passes +-(2^53 - 1)
-- Idempotent: yes. Writes nothing
-- Cost: O(bookings in range), 0.3 us each
-- @include lib/descent

local found, order = {}, {}

-- What is known of an atid as its bytes stand in a leaf; leaves differ in their width.
local function known(atid)
  local trimmed = id_trimmed(atid)
  if not found[trimmed] then
    found[trimmed] = { sum = 0, bookings = 0 }
    order[#order + 1] = trimmed
  end
  return found[trimmed]
end

local visitor = { low = tonumber(ARGV[2]), high = tonumber(ARGV[3]), by_booking = true }

function visitor.place(start, stop)
  if stop <= visitor.low or start >= visitor.high then return nil end
  return false
end

function visitor.read(leaf, unit, from, to)
  local shape = leaf_shape(leaf)
  local size, format = shape.size, shape.record
  for at = from * size + 2, (to - 1) * size + 2, size do
    local offset, atid, _, delta = struct.unpack(format, leaf, at)
    local entry, second = known(atid), unit.start + offset
    entry.sum, entry.bookings = added(entry.sum, delta), entry.bookings + 1
    entry.first, entry.last = entry.first or second, second
  end
end

descend(KEYS[1] .. ':' .. ARGV[1], visitor)
if not in_bounds then
  return redis.error_reply('PSD_OUT_OF_BOUNDS sum: an atid adds up past +-(2^53 - 1)')
end
local reply = { lost }
for _, atid in ipairs(order) do
  local entry = found[atid]
  reply[#reply + 1] = id_text(atid)
  reply[#reply + 1] = entry.sum
  reply[#reply + 1] = entry.bookings
  reply[#reply + 1] = entry.first
  reply[#reply + 1] = entry.last
end
return reply
