-- Tell when each owner's running sum from its range's start was first at least a score.
-- KEYS     roots of the owners' keys; in a cluster as lib/owners says
-- ARGV[1]  msgpack array by owner of [thing number, first second, second after the last, score,
--          packed msgpack array of packed atids or an empty string for all]
-- Returns: list: false or the resolution that is still exact, then per owner the second, or false
--          where the sum of what was booked up to and with a second never is the score or more
-- Errors: PSD_OUT_OF_BOUNDS a running sum passes +-(2^53 - 1)
-- Idempotent: yes. Writes nothing
-- Cost: per owner O(bookings from the range's start to the answer), 0.2 us each: a total does not
--       tell how high its running sum went, since bookings may be negative; 1,000 owners
-- @include lib/descent
-- @include lib/atid_sets
-- @include lib/owners

local asked = cmsgpack.unpack(ARGV[1])
local sets = {}

-- Owners of one call mostly ask for the same atids.
local function known_set(packed)
  if packed == '' then return nil end
  sets[packed] = sets[packed] or atid_set(packed)
  return sets[packed]
end

-- The first second with a booking at whose end the running sum is `score` or more, or false.
local function second_of(prefix, low, high, score, atids)
  local sum, answer, second = 0, false, false
  local visitor = { low = low, high = high, by_booking = true }

  function visitor.place(start, stop)
    if answer or stop <= low or start >= high then return nil end
    return false
  end

  -- A second is complete when a record of a later one comes, or none does.
  function visitor.read(leaf, unit, from, to)
    if answer then return end
    local shape, start = leaf_shape(leaf), unit.start
    local size, format = shape.size, shape.record
    local wanted = atids and atids.by_width[shape.atid]
    for at = from * size + 2, (to - 1) * size + 2, size do
      local offset, atid, _, delta = struct.unpack(format, leaf, at)
      if not wanted or wanted[atid] then
        if second ~= start + offset then
          if second and sum >= score then
            answer = second
            return
          end
          second = start + offset
        end
        sum = added(sum, delta)
      end
    end
  end

  descend(prefix, visitor)
  return answer or (sum >= score and second)
end

local reply = { false }
for number, root in ipairs(owner_roots(1)) do
  local thing, low, high, score, packed = unpack(asked[number])
  leaves = {}
  reply[#reply + 1] = second_of(root .. ':' .. thing, low, high, score, known_set(packed))
  if not in_bounds then
    return redis.error_reply('PSD_OUT_OF_BOUNDS sum: the range adds up past +-(2^53 - 1)')
  end
end
reply[1] = lost
return reply
