-- Tell how many owners some parts of the index of owners have.
-- KEYS     keys of the parts, e.g. psd:owners:{o42}:1; in a cluster as lib/owners says
-- ARGV     none of its own
-- Returns: list: false, since nothing of them expires, then a number a part
-- Errors: none of its own
-- Mode: read
-- Idempotent: yes
-- Cost: 0.3 us a part; 64 parts
-- @include lib/owners: owner_roots

local counts = { false }
for number, key in ipairs(owner_roots(0)) do counts[number + 1] = redis.call('SCARD', key) end
return counts
