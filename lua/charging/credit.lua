-- Note what a session that goes on has come to, and tell what its customer has left.
-- KEYS[1]  root of a customer
-- ARGV[1]  session, or '' to note nothing
-- ARGV[2]  its cents so far
-- Returns: the balance in cents as text, '' where there is no account; the cents of all open
--          sessions
-- Errors: none of its own; a key of a foreign type fails, and cents that are no number
-- Mode: write
-- Idempotent: yes; a session that was billed is not open again
-- Cost: O(open sessions)
-- @include lib/numbers: text

local root, session, cents = KEYS[1], ARGV[1], tonumber(ARGV[2])
local open = root .. ':open'

local balance = redis.call('HGET', root .. ':account', 'balance_cents') or ''
local flat = redis.call('HGETALL', open)
local is_billed = redis.call('HEXISTS', root .. ':seen', 'use/' .. session) == 1
local notes = session ~= '' and not is_billed
local sum = notes and cents or 0
for at = 1, #flat, 2 do
  if flat[at] ~= session then sum = sum + tonumber(flat[at + 1]) end
end
if balance ~= '' then balance = text(tonumber(balance)) end
local told = text(sum)

if notes then redis.call('HSET', open, session, text(cents)) end
return { balance, told }
