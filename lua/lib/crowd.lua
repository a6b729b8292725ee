-- Crowd: the bookings of a second that has more than a leaf may hold, in a hash by packed aid, so
-- that one more costs the same however many there are. A field holds the records of its aid as a
-- leaf with ids and deltas of 8 bytes has them (lib/leaf), in the order of their atids, so that
-- all fields side by side are such a leaf but for its first byte.
-- Seldom: crowd_key, crowd_leaf
-- @include lib/units: is_crowded, leaf_key

local CROWD_CODE = '\127'

local function crowd_key(prefix, unit)
  return prefix .. ':b:' .. unit.label
end

-- The leaf of a crowded second, its records in the order of aids that the hash has; or false.
local function crowd_leaf(key)
  local fields = redis.call('HVALS', key)
  return #fields > 0 and CROWD_CODE .. table.concat(fields)
end

-- The string of a unit's bookings where its leaf is not split; false when it is not there.
local function unit_leaf(prefix, unit, count)
  if is_crowded(unit, count) then return crowd_leaf(crowd_key(prefix, unit)) end
  return redis.call('GET', leaf_key(prefix, unit))
end
