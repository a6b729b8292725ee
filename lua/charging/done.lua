-- Take effects that were carried out from a site's outbox.
-- KEYS[1]  root of a site
-- ARGV[1]  msgpack array of the numbers of the effects
-- ARGV[2]  the millisecond at which the outbox is looked at again, if there is more in it
-- Returns: how many are left
-- Errors: none of its own; a key of a foreign type fails
-- Mode: write
-- Idempotent: yes
-- Cost: O(effects); up to 4,000
-- @include lib/writes: write, flush_writes

local root, numbers = KEYS[1], cmsgpack.unpack(ARGV[1])
local outbox, due = root .. ':outbox', root .. ':due'

local left = redis.call('HLEN', outbox)
redis.call('ZCARD', due)
for _, number in ipairs(numbers) do
  local field = string.format('%.0f', number)
  if redis.call('HEXISTS', outbox, field) == 1 then
    write('HDEL', outbox, field)
    left = left - 1
  end
end
if left == 0 then
  write('ZREM', due, '')
else
  write('ZADD', due, ARGV[2], '')
end
flush_writes()
return left
