-- Note from when to when a meter's channel is metered; runs that touch become one.
-- KEYS[1]  root of the meter's keys
-- ARGV[1]  channel, as i0
-- ARGV[2]  kind of its data
-- ARGV[3]  msgpack array of first seconds and seconds behind the last in turn, in order
-- ARGV[4]  lifetime in seconds, 0 for ever
-- Returns: the kind that the channel has, where that is another: nothing is written; else 1
-- Errors: none of its own; a key of a foreign type fails
-- Mode: write
-- Idempotent: yes
-- Cost: O(runs given and runs there between the first and the last of them)
-- @include lib/meter_channel: other_kind
-- @include lib/numbers: text
-- @include lib/writes: write, keep_for, flush_writes

local root, channel, runs = KEYS[1], ARGV[1], cmsgpack.unpack(ARGV[3])
local key = root .. ':e:' .. channel .. ':runs'

local held = other_kind(root, channel, ARGV[2])
if held then return held end

-- Runs that there are and may touch those given, as { start, end }.
local found = {}
local function take(flat)
  for at = 1, #flat, 2 do
    found[#found + 1] = { tonumber(flat[at + 1]), tonumber(flat[at]) }
  end
end
if #runs > 0 then
  take(redis.call('ZREVRANGEBYSCORE', key, text(runs[1]), '-inf', 'WITHSCORES', 'LIMIT', 0, 1))
  take(redis.call('ZRANGEBYSCORE', key, '(' .. text(runs[1]), text(runs[#runs]), 'WITHSCORES'))
end

local there = {}
for at = 1, #found do there[found[at][2]] = found[at][1] end
for at = 1, #runs, 2 do found[#found + 1] = { runs[at], runs[at + 1] } end
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
keep_for(key, tonumber(ARGV[4]))
flush_writes()
return 1
