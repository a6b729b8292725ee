-- Put the balance, and ids that are seen, right by the ledger, if nobody has posted meanwhile.
-- KEYS[1]  root of a customer
-- ARGV[1]  number of the newest entry that was read
-- ARGV[2]  sum of all of them in cents
-- ARGV[3]  msgpack array of ids and numbers in turn; a number 0 is of an id that no entry has
-- Returns: 1, or 0 where there is another newest entry: nothing is written then
-- Errors: none of its own; a key of a foreign type fails
-- Mode: write
-- Idempotent: yes
-- Cost: O(ids given)
-- @include lib/writes: write, flush_writes

local root, last, sum, ids = KEYS[1], tonumber(ARGV[1]), ARGV[2], cmsgpack.unpack(ARGV[3])
local account, seen = root .. ':account', root .. ':seen'

local newest = redis.call('XREVRANGE', root .. ':ledger', '+', '-', 'COUNT', 1)[1]
if (newest and tonumber(string.match(newest[1], '^%d+')) or 0) ~= last then return 0 end
redis.call('HLEN', account)
redis.call('HLEN', seen)

write('HSET', account, 'balance_cents', sum, 'entries', string.format('%.0f', last))
for at = 1, #ids, 2 do
  if ids[at + 1] == 0 then
    write('HDEL', seen, ids[at])
  else
    write('HSET', seen, ids[at], string.format('%.0f', ids[at + 1]))
  end
end
flush_writes()
return 1
