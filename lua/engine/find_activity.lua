-- Find out whether an activity is known, of any thing.
-- KEYS[1]  root of the owner's keys
-- ARGV[1]  packed aid
-- ARGV[2]  msgpack array of thing numbers
-- Returns: 1 when something was reported of it, or it was withdrawn; else 0
-- Errors: a key of a foreign type fails
-- Mode: read
-- Idempotent: yes
-- Cost: O(things)
-- @include lib/shards: shard_count, shard_of, shard_key

local aid = ARGV[1]
for _, thing in ipairs(cmsgpack.unpack(ARGV[2])) do
  local prefix = KEYS[1] .. ':' .. thing
  local activities = tonumber(redis.call('HGET', prefix .. ':y', 'activities') or 0)
  local shard = shard_of(aid, shard_count(activities))
  if redis.call('HEXISTS', shard_key(prefix, shard), aid) == 1 then return 1 end
end
return 0
