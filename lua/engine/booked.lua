-- Tell which owners of a page have bookings of a thing, kept in detail or not.
-- KEYS     roots of the owners' keys, of one partition
-- ARGV[1]  thing number
-- Returns: list: false, since nothing that has expired is asked for, then the position (from 0) of
--          each owner who has bookings
-- Errors: none of its own
-- Mode: read
-- Idempotent: yes
-- Cost: per owner one field, 1 us; of one without it (lib/newest) the years there are, at most 230;
--       1,000 owners
-- @include lib/newest: last_year

local reply = { false }
for number, root in ipairs(KEYS) do
  local prefix = root .. ':' .. ARGV[1]
  if redis.call('HGET', prefix .. ':y', 'newest') or last_year(prefix) then
    reply[#reply + 1] = number - 1
  end
end
return reply
