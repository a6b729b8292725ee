-- Hand over what was booked of some activities, packed as their records stand.
-- KEYS[1]  root of the owner's keys
-- ARGV[1]  msgpack array of thing numbers
-- ARGV[2]  msgpack array of packed aids
-- ARGV[3]  first second of the range that matters
-- ARGV[4]  second after its last
-- ARGV[5]  most records of one activity of one thing
-- Returns: list: how many of the activities are answered (others follow by another call), then per
--          activity a list with an entry for each thing: strings of records (lib/activity), of a
--          long activity those of the hours that the range meets; or the number of records there,
--          where they are too many
-- Errors: a key of a foreign type fails
-- Mode: read
-- Idempotent: yes
-- Cost: per activity and thing 2 us; of a long one O(its hours) and 0.02 us a record; 1,000
--       activities, at most what lib/effort allows
-- @include lib/activity: HOUR_S, WITHDRAWN
-- @include lib/effort: spend, next_effort, is_page_spent, is_overspent
-- @include lib/ids: id_text
-- @include lib/shards: shard_count, shard_of, shard_key

local things, aids = cmsgpack.unpack(ARGV[1]), cmsgpack.unpack(ARGV[2])
local low, high, most = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])

local RECORDS_OF_STEP = 8

-- Records of a long activity in the range, or their number.
local function long_records(prefix, aid)
  local directory = prefix .. ':r:' .. id_text(aid)
  local hours = redis.call('HLEN', directory)
  spend(3 * hours)
  if is_overspent() then return hours end
  local entries, keys, records = redis.call('HGETALL', directory), {}, 0
  for at = 1, #entries, 2 do
    local hour = tonumber(entries[at])
    if hour and hour * HOUR_S < high and (hour + 1) * HOUR_S > low then
      records = records + cmsgpack.unpack(entries[at + 1])
      keys[#keys + 1] = directory .. ':' .. entries[at]
    end
  end
  spend(6 * #keys + math.floor(records / RECORDS_OF_STEP))
  if records > most or is_overspent() then return records end
  local found = {}
  for at, key in ipairs(keys) do found[at] = redis.call('GET', key) or '' end
  return found
end

local function records_of(prefix, shards, aid)
  spend(10)
  local packed = redis.call('HGET', shard_key(prefix, shard_of(aid, shards)), aid)
  if not packed or packed == WITHDRAWN then return {} end
  return packed == '' and long_records(prefix, aid) or { packed }
end

local prefixes, shards = {}, {}
for number, thing in ipairs(things) do
  local prefix = KEYS[1] .. ':' .. thing
  prefixes[number] = prefix
  shards[number] = shard_count(tonumber(redis.call('HGET', prefix .. ':y', 'activities') or 0))
end

local reply = { 0 }
for number, aid in ipairs(aids) do
  next_effort()
  if is_page_spent() then break end
  local found = {}
  for at = 1, #things do found[at] = records_of(prefixes[at], shards[at], aid) end
  reply[1], reply[number + 1] = number, found
end
return reply
