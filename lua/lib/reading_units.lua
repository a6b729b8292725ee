-- Reading units: which hours or days of a channel have readings, and how long those are kept.
-- @include lib/numbers: text
-- @include lib/writes: write, keep_for

-- So many units that have ended are taken off the list a call; one comes with each hour or day.
local ENDED_AT_ONCE = 100

-- Note what becomes of units before those that are written, the first of them `low_unit`: what was
-- last read before lives as long as what follows, because the energy since then is told by both;
-- and units before `oldest` have ended.
local function keep_units(units, prefix, low_unit, oldest, lifetime)
  local before = redis.call('ZREVRANGEBYSCORE', units, '(' .. text(low_unit), '-inf', 'LIMIT', 0, 1)
  local ended = redis.call('ZRANGEBYSCORE', units, '-inf', '(' .. text(oldest), 'LIMIT', 0,
    ENDED_AT_ONCE)
  if before[1] then keep_for(prefix .. ':' .. before[1], lifetime) end
  if lifetime > 0 and #ended > 0 then write('ZREM', units, unpack(ended)) end
  keep_for(units, lifetime)
end
