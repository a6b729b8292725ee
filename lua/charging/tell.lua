-- Put what was said of an account into it, field by field; what was said later stands.
-- KEYS[1]  root of a customer
-- ARGV[1]  msgpack array of field, since and value in turn; since is a text that sorts by time
-- ARGV[2]  1 to begin the account with a balance of 0, if it has none
-- Returns: how many fields changed
-- Errors: none of its own; a key of a foreign type fails
-- Mode: write
-- Idempotent: yes, in any order
-- Cost: O(fields given)
-- @include lib/writes: write, flush_writes

local account, told = KEYS[1] .. ':account', cmsgpack.unpack(ARGV[1])

local changed = 0
for at = 1, #told, 3 do
  local field, since = told[at], told[at + 1]
  local held = redis.call('HGET', account, field)
  if not held or string.match(held, '^%S*') < since then
    write('HSET', account, field, since .. ' ' .. told[at + 2])
    changed = changed + 1
  end
end
if ARGV[2] == '1' and redis.call('HEXISTS', account, 'balance_cents') == 0 then
  write('HSET', account, 'balance_cents', '0')
  changed = changed + 1
end
flush_writes()
return changed
