-- Tell which owners of a page have bookings of a thing, kept in detail or not.
-- KEYS     roots of the owners' keys; in a cluster as lib/owners says
-- ARGV[1]  thing number
-- Returns: list: false, since nothing that has expired is asked for, then the position (from 0) of
--          each owner who has bookings
-- Errors: none of its own
-- Idempotent: yes. Writes nothing
-- Cost: per owner one field, 1 us; of one without it (lib/newest) all fields of the years, 13 a
--       year; 1,000 owners
-- @include lib/newest
-- @include lib/owners

local reply = { false }
for number, root in ipairs(owner_roots(1)) do
  local years = root .. ':' .. ARGV[1] .. ':y'
  if redis.call('HGET', years, 'newest') or last_field(years) then
    reply[#reply + 1] = number - 1
  end
end
return reply
