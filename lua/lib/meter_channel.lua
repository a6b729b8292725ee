-- The kind of a meter's channel: that of the first data it had.
-- @include lib/writes: write

-- The kind that it has, where that is another one; else nil, and the kind is noted if it is new. A
-- new channel has nothing that another rule of the meter would change.
local function other_kind(root, channel, kind)
  local meter = root .. ':e'
  local held, rule = unpack(redis.call('HMGET', meter, channel, 'rule'))
  if held and held ~= kind then return held end
  if not held then
    write('HSET', meter, channel, kind)
    if rule then write('HSET', meter, 'derived:' .. channel, rule) end
  end
end
