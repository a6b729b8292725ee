-- Append an entry to a customer's ledger and move the balance, once for its id.
-- KEYS[1]  root of a customer
-- ARGV[1]  id of the entry
-- ARGV[2]  the entry, JSON
-- ARGV[3]  cents, signed
-- ARGV[4]  session that is closed by it and not open any more, or ''
-- Returns: the number that the id has, 1 if it is new, the balance in cents as text, the entry
--          that stands there, and the number up to which entries are known to be booked
-- Errors: PSD_BOUNDS the balance would pass 2^53; a key of a foreign type fails. Nothing is written
-- Mode: write
-- Idempotent: yes, by the id
-- Cost: O(log n) of the ledger
-- @include lib/numbers: SUM_MAX, text

local root, id, entry, cents, session = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local account, ledger, seen, open =
  root .. ':account', root .. ':ledger', root .. ':seen', root .. ':open'

local held = redis.call('HMGET', account, 'balance_cents', 'entries', 'booked')
local balance, entries = tonumber(held[1] or '0'), tonumber(held[2] or '0')
local booked = tonumber(held[3] or '0')
local known = redis.call('HGET', seen, id)
if known then
  local there = redis.call('XRANGE', ledger, known .. '-0', known .. '-0')[1]
  return { tonumber(known), 0, text(balance), there[2][2], booked }
end
local sum = balance + cents
if sum ~= sum or math.abs(sum) > SUM_MAX then
  return redis.error_reply('PSD_BOUNDS balance ' .. string.format('%.0f', sum))
end
local newest = redis.call('XREVRANGE', ledger, '+', '-', 'COUNT', 1)[1]
local last = newest and tonumber(string.match(newest[1], '^%d+')) or 0
if last ~= entries then
  return redis.error_reply('PSD_BOUNDS entries ' .. text(entries) .. ', newest ' .. text(last))
end
redis.call('HLEN', open)

local n = text(entries + 1)
redis.call('XADD', ledger, n .. '-0', 'e', entry)
redis.call('HSET', seen, id, n)
redis.call('HSET', account, 'balance_cents', text(sum), 'entries', n)
if session ~= '' then redis.call('HDEL', open, session) end
return { entries + 1, 1, text(sum), entry, booked }
