-- Tell how many bytes columns and logs of a partition have.
-- KEYS[1]  root of the columns, e.g. psd:columns:{p0}:1
-- ARGV     suffixes, e.g. :y:2016
-- Returns: list: the bytes of each, 0 for what is not there
-- Errors: none of its own
-- Mode: read
-- Idempotent: yes
-- Cost: 0.6 us a key; 300 keys

local sizes = {}
for at, suffix in ipairs(ARGV) do sizes[at] = redis.call('STRLEN', KEYS[1] .. suffix) end
return sizes
