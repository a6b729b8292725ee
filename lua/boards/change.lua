-- Put a board's definition in the place of the one that was read, if that still stands there.
-- @include lib/decided: is_overtaken, overtaken
-- KEYS[1]  hash of all boards: name -> definition
-- KEYS[2]  set of "name:id" of boards that were taken away and whose other keys are to end
-- KEYS[3]  hash of versions: name -> that of the last decision, also of boards that are gone
-- ARGV[1]  name of the board
-- ARGV[2]  the definition that was read, or an empty string for none
-- ARGV[3]  the new definition, or an empty string to take the board away
-- ARGV[4]  "name:id" of the board, which is noted when it is taken away
-- ARGV[5]  how many boards there may be
-- ARGV[6]  version of the decision
-- Returns: 1, or 0 when another definition stands there than the one that was read
-- Errors: PSD_TOO_MANY_BOARDS there are as many boards as there may be; PSD_OVERTAKEN a later
--         decision stands; nothing is written
-- Mode: write
-- Idempotent: yes; a second call finds the new definition and answers 0
-- Cost: O(1)

local held = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if held ~= ARGV[2] then return 0 end
if is_overtaken(KEYS[3], ARGV[1], ARGV[6]) then return overtaken() end
if ARGV[3] == '' then
  redis.call('SADD', KEYS[2], ARGV[4])
  redis.call('HDEL', KEYS[1], ARGV[1])
  redis.call('HSET', KEYS[3], ARGV[1], ARGV[6])
  return 1
end
if held == '' and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[5]) then
  return redis.error_reply('PSD_TOO_MANY_BOARDS there are ' .. ARGV[5] .. ' boards already')
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
redis.call('HSET', KEYS[3], ARGV[1], ARGV[6])
return 1
