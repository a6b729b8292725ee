-- Note from when to when a meter's channel is metered; runs that touch become one.
-- Within a range of which all is known the runs given take the place of those there.
-- KEYS[1]  root of the meter's keys
-- ARGV[1]  channel, as i0
-- ARGV[2]  kind of its data
-- ARGV[3]  msgpack array of first seconds and seconds behind the last in turn, in order
-- ARGV[4]  lifetime in seconds, 0 for ever
-- ARGV[5]  version of the channel's readings that the runs follow from; 0 where none are kept
-- ARGV[6]  first second of the range of which all is known
-- ARGV[7]  the second behind its last one
-- ARGV[8]  seconds of the longest interval that was given, 0 for readings
-- Returns: the kind that the channel has, where that is another: nothing is written; else 1, or 0
--          where the readings have another version by now: nothing is written
-- Errors: none of its own; a key of a foreign type fails
-- Mode: write
-- Idempotent: yes
-- Cost: O(runs given and runs there between the first and the last of them)
-- @include lib/meter_channel: other_kind
-- @include lib/numbers: text
-- @include lib/writes: write, keep_for, flush_writes

local root, channel, runs = KEYS[1], ARGV[1], cmsgpack.unpack(ARGV[3])
local key = root .. ':e:' .. channel .. ':runs'

local version, from, till = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])

local held = other_kind(root, channel, ARGV[2])
if held then return held end
if version > 0 and tonumber(redis.call('HGET', root .. ':e', 'version:' .. channel)) ~= version then
  return 0
end

-- Runs that there are and may touch those given, as { start, end }.
local found = {}
local function take(flat)
  for at = 1, #flat, 2 do
    found[#found + 1] = { tonumber(flat[at + 1]), tonumber(flat[at]) }
  end
end
local low = math.min(runs[1] or from, from)
local high = math.max(runs[#runs] or till, till)
take(redis.call('ZREVRANGEBYSCORE', key, text(low), '-inf', 'WITHSCORES', 'LIMIT', 0, 1))
take(redis.call('ZRANGEBYSCORE', key, '(' .. text(low), text(high), 'WITHSCORES'))

-- What of them is beyond the range stays, and those given come in.
local there, beyond = {}, {}
local function stay(start, stop)
  if start < stop then beyond[#beyond + 1] = { start, stop } end
end
for at = 1, #found do
  local start, stop = found[at][1], found[at][2]
  there[stop] = start
  if from < till then
    stay(start, math.min(stop, from))
    stay(math.max(start, till), stop)
  else
    stay(start, stop)
  end
end
for at = 1, #runs, 2 do stay(runs[at], runs[at + 1]) end
found = beyond
table.sort(found, function(left, right)
  return left[1] < right[1] or (left[1] == right[1] and left[2] < right[2])
end)

local kept = {}
for at = 1, #found do
  local run, last = found[at], kept[#kept]
  if last and run[1] <= last[2] then
    last[2] = math.max(last[2], run[2])
  else
    kept[#kept + 1] = { run[1], run[2] }
  end
end

local stays = {}
for at = 1, #kept do
  local start, stop = kept[at][1], kept[at][2]
  if there[stop] == start then
    stays[stop] = true
  else
    write('ZADD', key, text(start), text(stop))
    stays[stop] = true
  end
end
for stop in pairs(there) do
  if not stays[stop] then write('ZREM', key, text(stop)) end
end
if #kept > 0 then keep_for(key, tonumber(ARGV[4])) end
local longest = tonumber(ARGV[8])
local known = longest > 0 and redis.call('HGET', root .. ':e', 'longest:' .. channel)
if longest > tonumber(known or 0) then
  write('HSET', root .. ':e', 'longest:' .. channel, text(longest))
end
flush_writes()
return 1
