-- Tell at which station batteries are, by their newest live transactions until a second.
-- KEYS[1]  root of a network
-- ARGV[1]  id of the first battery
-- ARGV[2]  id of the last battery; at most 500 of them
-- ARGV[3]  second, or '+inf' for now
-- Returns: for each the id of a station, 0 for none; without any transaction that where it was
--          registered, and of a past second -1
-- Errors: none of its own; a key of a foreign type fails
-- Mode: read
-- Idempotent: yes
-- Cost: O(log n) a battery, 10 us; up to 500 batteries

local root, events, until_s = KEYS[1], KEYS[1] .. ':events', ARGV[3]

-- The newest of an index: its second and its member, in the order of places.
local function newest(index, battery)
  local key = root .. ':tx:' .. index .. ':' .. battery
  local found = redis.call('ZREVRANGEBYSCORE', key, until_s, '-inf', 'WITHSCORES', 'LIMIT', 0, 1)
  if found[1] then return tonumber(found[2]), found[1] end
  return -1, ''
end

local function station_of(battery)
  local in_at, came_in = newest('battery_in', battery)
  local out_at, went_out = newest('battery_out', battery)
  if in_at < 0 and out_at < 0 then
    if until_s ~= '+inf' then return -1 end
    return tonumber(redis.call('HGET', root .. ':object:battery:' .. battery, 'station') or '') or 0
  end
  -- What took it out wins where one transaction did both.
  if out_at > in_at or (out_at == in_at and went_out >= came_in) then return 0 end
  local n = string.format('%.0f', tonumber(string.sub(came_in, -12)))
  local held = redis.call('XRANGE', events, n .. '-0', n .. '-0')[1]
  return held and cjson.decode(held[2][2]).station or -1
end

local answers = {}
for battery = tonumber(ARGV[1]), tonumber(ARGV[2]) do
  table.insert(answers, station_of(string.format('%.0f', battery)))
end
return answers
