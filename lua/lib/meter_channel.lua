-- The kind of a meter's channel: that of the first data it had.
-- @include lib/writes: write

-- The kind that it has, where that is another one; else nil, and the kind is noted if it is new.
local function other_kind(root, channel, kind)
  local held = redis.call('HGET', root .. ':e', channel)
  if held and held ~= kind then return held end
  if not held then write('HSET', root .. ':e', channel, kind) end
end
