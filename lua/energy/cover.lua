-- Note from when to when channels of meters are metered; runs that touch become one.
-- Within a range of which all is known the runs given take the place of those there.
-- KEYS     root of each channel's meter, all of one partition
-- ARGV[1]  msgpack array by root of [channel, as i0; kind of its data; array of first seconds and
--          seconds behind the last of runs in turn, in order; version of the channel's readings
--          that the runs follow from, 0 where none are kept; first second of the range of which
--          all is known, the second behind its last one; seconds of the longest interval that was
--          given, 0 for readings]; no channel of a meter stands there twice
-- ARGV[2]  lifetime in seconds, 0 for ever, -1 again for ever
-- Returns: list by root: the kind that the channel has, where that is another: nothing of it is
--          written; else 1, or 0 where the readings have another version by now: nothing of it is
--          written
-- Errors: none of its own; a key of a foreign type fails whole
-- Mode: write
-- Idempotent: yes
-- Cost: O(runs given and runs there between the first and the last of them), 12 us a channel
-- @include lib/meter_channel: other_kind
-- @include lib/metered_runs: note_runs
-- @include lib/numbers: text
-- @include lib/writes: write, flush_writes

local lifetime = tonumber(ARGV[2])

local function cover(root, channel, kind, runs, version, from, till, longest)
  local meter = root .. ':e'
  local held = other_kind(root, channel, kind)
  if held then return held end
  if version > 0 and tonumber(redis.call('HGET', meter, 'version:' .. channel)) ~= version then
    return 0
  end
  note_runs(meter .. ':' .. channel .. ':runs', runs, from, till, lifetime)
  local known = longest > 0 and redis.call('HGET', meter, 'longest:' .. channel)
  if longest > tonumber(known or 0) then
    write('HSET', meter, 'longest:' .. channel, text(longest))
  end
  return 1
end

local told = {}
for at, given in ipairs(cmsgpack.unpack(ARGV[1])) do
  told[at] = cover(KEYS[at], unpack(given))
end
flush_writes()
return told
