-- Put days of a month of prices in the place of those that were read, if all of them still stand.
-- KEYS[1]  hash of a month of a series: day -> its prices
-- ARGV     of each day three: the day, its prices as they were read or an empty text, the new ones
-- Returns: 1, or 0 where some day is another by now: nothing is written
-- Errors: none of its own; a key of a foreign type fails
-- Mode: write
-- Idempotent: yes
-- Cost: O(days), at most 31
-- @include lib/writes: write, flush_writes

for at = 1, #ARGV, 3 do
  local held = redis.call('HGET', KEYS[1], ARGV[at]) or ''
  if held ~= ARGV[at + 2] then
    if held ~= ARGV[at + 1] then return 0 end
    write('HSET', KEYS[1], ARGV[at], ARGV[at + 2])
  end
end
flush_writes()
return 1
