-- Markers: ids of increments that are booked, so that each is applied once. One hash per owner
-- and UTC day of the event's own time; it lives the dedupe horizon past its last write,
-- whatever that time was. A field is 8 bytes of a keyed hash of the id: about 14 bytes each.
-- @include lib/writes: keep, write, keep_for

local markers = {}

local function marker_key(root, second)
  return root .. ':k:' .. math.floor(second / 86400)
end

local function is_marked(root, second, marker)
  local key = marker_key(root, second)
  local known = markers[key]
  if not known then
    known = {}
    markers[key] = known
  end
  if known[marker] == nil then known[marker] = redis.call('HEXISTS', key, marker) == 1 end
  return known[marker]
end

local function mark(root, second, marker)
  local key = marker_key(root, second)
  markers[key][marker] = true
  write('HSET', key, marker, 1)
  keep_for(key, keep.marker)
end
