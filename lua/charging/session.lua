-- Keep a session that has ended, or a later revision of it.
-- KEYS[1]  root of a site
-- ARGV[1]  id of the session
-- ARGV[2]  the revision that it must have, -1 for one that is not there
-- ARGV[3]  the session, JSON, with its new revision
-- ARGV[4]  the millisecond of its end
-- Returns: what is kept now, JSON
-- Errors: none of its own; a key of a foreign type fails
-- Mode: write
-- Idempotent: yes; where somebody came first, his is kept and told
-- Cost: O(log n) of the site's sessions
-- @include lib/writes: write, flush_writes

local root, id = KEYS[1], ARGV[1]
local key, sessions = root .. ':session:' .. id, root .. ':sessions'

local held = redis.call('GET', key)
local revision = -1
if held then revision = cjson.decode(held).revision end
redis.call('ZCARD', sessions)
if revision ~= tonumber(ARGV[2]) then return held or ARGV[3] end
write('SET', key, ARGV[3])
write('ZADD', sessions, ARGV[4], id)
flush_writes()
return ARGV[3]
