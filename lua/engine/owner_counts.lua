-- Tell how many owners some parts of the index of owners have.
-- KEYS     keys of the parts, e.g. psd:owners:{o42}:1
-- ARGV     none of its own
-- Returns: list: false, since nothing of them expires, then a number a part
-- Errors: none of its own
-- Mode: read
-- Idempotent: yes
-- Cost: 0.3 us a part; 64 parts

local counts = { false }
for number, key in ipairs(KEYS) do counts[number + 1] = redis.call('SCARD', key) end
return counts
