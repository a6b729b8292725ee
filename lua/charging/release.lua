-- Let readings of a session that has ended go after a time, but for those of the one that goes on.
-- KEYS[1]  root of a site
-- ARGV[1]  plug
-- ARGV[2]  its uid as text
-- ARGV[3]  first log of the session: ten minutes since 1970
-- ARGV[4]  its last log
-- ARGV[5]  seconds that they are kept from now on
-- Returns: how many logs there were
-- Errors: none of its own; a key of a foreign type fails
-- Mode: write
-- Idempotent: yes; the time begins anew
-- Cost: O(logs); 144 a day of the session, some 1 us each
-- @include lib/writes: write, flush_writes

local root, first, last = KEYS[1], tonumber(ARGV[3]), tonumber(ARGV[4])
local held = redis.call('HGET', root .. ':plugs', ARGV[1])
local began = held and cmsgpack.unpack(held)[3] or 0

local found = 0
for strip = first, last do
  local key = string.format('%s:log:%s:%.0f', root, ARGV[2], strip)
  local is_needed = began > 0 and (strip + 1) * 600000 > began
  if redis.call('EXISTS', key) == 1 then
    found = found + 1
    if not is_needed then write('EXPIRE', key, ARGV[5]) end
  end
end
flush_writes()
return found
