-- Put a plan in the place of whatever stands under its name, or take it away.
-- KEYS[1]  hash of all plans: name -> plan
-- KEYS[2]  hash of versions: name -> that of the last decision, also of plans that are gone
-- ARGV[1]  name of the plan
-- ARGV[2]  the plan, or an empty string to take it away
-- ARGV[3]  how many plans there may be
-- ARGV[4]  version of the decision
-- Returns: 1
-- Errors: PSD_TOO_MANY_PLANS there are as many plans as there may be; PSD_OVERTAKEN a later
--         decision stands; nothing is written
-- Mode: write
-- Idempotent: yes; a second call writes the same again
-- Cost: O(1)
-- @include lib/decided: is_overtaken, overtaken

if is_overtaken(KEYS[2], ARGV[1], ARGV[4]) then return overtaken() end
if ARGV[2] == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
elseif redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0
  and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then
  return redis.error_reply('PSD_TOO_MANY_PLANS there are ' .. ARGV[3] .. ' plans already')
else
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[4])
return 1
