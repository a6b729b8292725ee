-- Make the results of one run of the weekly job visible, all of its weeks at once.
-- KEYS[1]  the lock of the job
-- KEYS[2]  hash of the visible weeks: week -> result, JSON with a field "generation"
-- KEYS[3]  hash of the states of weeks: week -> JSON
-- KEYS[4]  hash of dirty weeks: week -> number of changes
-- KEYS[5]  set of "week:generation" whose rows nobody needs any longer
-- KEYS[6]  the run under way
-- ARGV[1]  the holder's mark of the lock
-- ARGV[2]  msgpack array by week of [week, result, state, changes that the run has seen]
-- Returns: number of weeks
-- Errors: PSD_LOCK_LOST the lock is not the caller's any longer: nothing is written
-- Idempotent: yes; a second call finds the run over, and its lock let go or still held
-- Cost: O(weeks), at most 9,283

if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return redis.error_reply('PSD_LOCK_LOST another run of the job has taken over')
end
local weeks = cmsgpack.unpack(ARGV[2])
for _, entry in ipairs(weeks) do
  local week, result, state, seen = unpack(entry)
  local before = redis.call('HGET', KEYS[2], week)
  if before then
    local generation = cjson.decode(before).generation
    if generation ~= cjson.decode(result).generation then
      redis.call('SADD', KEYS[5], string.format('%s:%.0f', week, generation))
    end
  end
  redis.call('HSET', KEYS[2], week, result)
  redis.call('HSET', KEYS[3], week, state)
  if redis.call('HGET', KEYS[4], week) == seen then redis.call('HDEL', KEYS[4], week) end
end
redis.call('DEL', KEYS[6])
return #weeks
