-- Keep readings of a meter's channel, and hand over those around them.
-- KEYS[1]  root of the meter's keys
-- ARGV[1]  channel, as i0
-- ARGV[2]  kind of its data
-- ARGV[3]  seconds of a unit of which readings share a key: an hour
-- ARGV[4]  msgpack array of seconds and values in turn, values as decimal text; none only reads
-- ARGV[5]  first second of which readings are handed over
-- ARGV[6]  last one
-- ARGV[7]  so many more are handed over before the first and behind the last, as far as there are
-- ARGV[8]  lifetime in seconds, 0 for ever, -1 again for ever
-- ARGV[9]  channel that is delivered by, where some of the power is below 0; else nothing
-- Returns: the kind that the channel has, or the one that is delivered by, where that is another;
--          else list: version of the channel's readings, how many have changed, 1 when the first of
--          all is among those handed over, 1 when the last is, 1 when power was ever delivered,
--          what was said of the meter, the number of its rule, how far the channel follows it,
--          then seconds and values in turn, in order
-- Errors: PSD_DAYS readings lie by days, as those of registers did once; a key of a foreign type
--         fails
-- Mode: write
-- Idempotent: yes; the version rises with a change alone
-- Cost: O(readings of the units that are read), 1 us each; a unit has at most 3,600, and whoever
--       calls looks how many there are where several lie between his first and his last
-- @include lib/meter_channel: other_kind
-- @include lib/numbers: text
-- @include lib/reading_strips: new_strips, strip_of, load_beyond
-- @include lib/reading_units: keep_units
-- @include lib/writes: write, keep_for, flush_writes

local root, channel, kind, unit_s = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])
local points = cmsgpack.unpack(ARGV[4])
local first, last, look = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local lifetime = tonumber(ARGV[8])
local prefix, changed = root .. ':e:' .. channel, {}
local meter, units, strips = root .. ':e', prefix .. ':units', new_strips(prefix, unit_s)

local held = other_kind(root, channel, kind)
if not held and ARGV[9] ~= '' then held = other_kind(root, ARGV[9], 'delivered') end
if held then return held end

local low_unit, high_unit = math.floor(first / unit_s), math.floor(last / unit_s)
for _, unit in ipairs(redis.call('ZRANGEBYSCORE', units, low_unit, high_unit)) do
  strip_of(strips, tonumber(unit))
end
local begins = load_beyond(strips, 'ZREVRANGEBYSCORE', low_unit, '-inf', look, -math.huge,
  first - 1)
local ends = load_beyond(strips, 'ZRANGEBYSCORE', high_unit, '+inf', look, last + 1, math.huge)

if strips.is_foreign then
  return redis.error_reply('PSD_DAYS readings of ' .. channel .. ' lie by days, as an earlier psd '
    .. 'kept them; psd replay books the archive into an empty store')
end

local count = 0
for at = 1, #points, 2 do
  local unit = math.floor(points[at] / unit_s)
  local strip = strip_of(strips, unit)
  if strip[points[at]] ~= points[at + 1] then
    strip[points[at]] = points[at + 1]
    changed[unit] = changed[unit] or {}
    changed[unit][points[at]] = points[at + 1]
    count = count + 1
  end
end

local facts = redis.call('HMGET', meter, 'version:' .. channel,
  (string.gsub(channel, '^i', 'e')), 'said', 'rule', 'derived:' .. channel)
local version, delivered = tonumber(facts[1] or 0), facts[2] == 'delivered' or ARGV[9] ~= ''
for unit, values in pairs(changed) do
  local key = prefix .. ':' .. text(unit)
  for second, value in pairs(values) do write('HSET', key, text(second), value) end
  write('ZADD', units, unit, text(unit))
  keep_for(key, lifetime)
end
if count > 0 then
  version = version + 1
  write('HSET', meter, 'version:' .. channel, text(version))
  if lifetime ~= 0 then
    local oldest = math.floor((points[#points - 1] - lifetime) / unit_s)
    keep_units(units, prefix, low_unit, oldest, lifetime)
  end
end

local seconds = {}
for _, strip in pairs(strips.units) do
  for second in pairs(strip) do seconds[#seconds + 1] = second end
end
table.sort(seconds)
local answer = { version, count, begins, ends, delivered and 1 or 0, facts[3] or '',
  tonumber(facts[4] or 0), facts[5] or '' }
for at = 1, #seconds do
  answer[2 * at + 7] = seconds[at]
  answer[2 * at + 8] = strips.units[math.floor(seconds[at] / unit_s)][seconds[at]]
end
flush_writes()
return answer
