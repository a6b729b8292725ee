-- Put a set that was made beside a board's members in their place, if they are still the same.
-- @include lib/decided: is_overtaken, overtaken
-- KEYS[1]  set of the board's members, uids in decimal
-- KEYS[2]  the set that takes its place; it has a lifetime until then
-- KEYS[3]  text that was read before the members were; each change of them ends it
-- KEYS[4]  hash of the board's versions: that of the last change stands under "members"
-- ARGV[1]  that text
-- ARGV[2]  how many members the set has, 0 where there is none
-- ARGV[3]  version of the decision
-- Returns: 1, or 0 when the members were changed meanwhile, or the set is not whole any more
-- Errors: PSD_OVERTAKEN a later decision stands; nothing is written
-- Mode: write
-- Idempotent: yes; a second call finds the text gone and answers 0
-- Cost: O(1)

if redis.call('GET', KEYS[3]) ~= ARGV[1] then return 0 end
if redis.call('SCARD', KEYS[2]) ~= tonumber(ARGV[2]) then return 0 end
if is_overtaken(KEYS[4], 'members', ARGV[3]) then return overtaken() end
redis.call('DEL', KEYS[3])
redis.call('UNLINK', KEYS[1])
if ARGV[2] ~= '0' then
  redis.call('RENAME', KEYS[2], KEYS[1])
  redis.call('PERSIST', KEYS[1])
end
redis.call('HSET', KEYS[4], 'members', ARGV[3])
return 1
