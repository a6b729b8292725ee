-- Hold the lock of the weekly job for longer, or let go of it.
-- KEYS[1]  the lock
-- ARGV[1]  the holder's mark
-- ARGV[2]  milliseconds from now on; 0 lets go
-- Returns: 1, or 0 when somebody else holds the lock or nobody does
-- Errors: none of its own; a key of a foreign type fails
-- Mode: write
-- Idempotent: yes
-- Cost: O(1)

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then
  redis.call('DEL', KEYS[1])
else
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 1
