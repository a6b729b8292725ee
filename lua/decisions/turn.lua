-- Take the turn to decide about a subject, keep it for longer, or end it; each time with a number.
-- KEYS[1]  who has the turn, with a lifetime
-- KEYS[2]  the last number that was given, of all subjects
-- ARGV[1]  mark of whoever asks
-- ARGV[2]  milliseconds for which the turn is theirs; 0 ends it
-- ARGV[3]  the number is at least this one: milliseconds above those of the archive, so that
--          numbers go on rising where the last one was lost with the store
-- ARGV[4]  1 when whoever asks had the turn before, and wants it only if it is still theirs
-- Returns: the next number, or 0 while somebody else has the turn, or when it was not theirs
-- Errors: none of its own; a key of a foreign type or a text that is no number fails
-- Mode: write
-- Idempotent: no, each call gives another number
-- Cost: O(1)

local holder = redis.call('GET', KEYS[1])
local last = tonumber(redis.call('GET', KEYS[2]) or '0') + 1
if holder and holder ~= ARGV[1] then return 0 end
if ARGV[4] == '1' and not holder then return 0 end
local number = math.max(last, tonumber(ARGV[3]))
if ARGV[2] == '0' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
end
redis.call('SET', KEYS[2], string.format('%.0f', number))
return number
