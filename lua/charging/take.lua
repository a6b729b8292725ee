-- Keep readings of a site's plugs: the newest in rings, those of sessions in logs.
-- KEYS[1]  root of a site
-- ARGV[1]  msgpack array of four a plug: plug, uid as text, its packed readings in order of time,
--          the newest one as it came
-- ARGV[2]  bytes of a ring
-- ARGV[3]  now, in milliseconds
-- ARGV[4]  first millisecond of which readings of ended sessions are kept
-- ARGV[5]  seconds that a log lives behind its newest write, unless it is of a session that goes on
-- ARGV[6]  1 to have sessions that have ended counted again, where readings of them are new
-- Returns: list by plug: how many readings were new, -1 for a plug that is not known
-- Errors: none of its own; a key of a foreign type fails
-- Mode: write
-- Idempotent: yes, by the millisecond of a reading
-- Cost: O(readings); up to 2,000 plugs, some 5 us each
-- @include lib/packed_readings: ms_of, merged_readings
-- @include lib/reading_logs: keep_in_logs
-- @include lib/writes: write, flush_writes

local root, readings = KEYS[1], cmsgpack.unpack(ARGV[1])
local ring_bytes, now, late_from = tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local told, counted, late = {}, {}, {}

for at = 1, #readings, 4 do
  local plug, uid, packed, newest = unpack(readings, at, at + 3)
  local held = redis.call('HGET', root .. ':plugs', plug)
  if not held then
    told[#told + 1] = -1
  else
    local state = cmsgpack.unpack(held)
    local ring = redis.call('HGET', root .. ':rings', plug) or ''
    local merged, added = merged_readings(ring, packed)
    local logs = string.format('%s:log:%s:', root, uid)
    local kept, behind = keep_in_logs(logs, packed, state[3], state[4], late_from, ARGV[5])
    if #added > 0 then
      if #merged > ring_bytes then merged = string.sub(merged, #merged - ring_bytes + 1) end
      write('HSET', root .. ':rings', plug, merged)
      if ring == '' or added[#added] > ms_of(ring, #ring - 17) then
        write('HSET', root .. ':latest', plug, newest)
        if state[2] == 14 or state[2] == 15 then
          write('ZADD', root .. ':due', 'LT', now, plug)
        end
      end
    end
    if kept > 0 then counted[#counted + 1] = { plug, kept } end
    if behind then late[#late + 1] = { plug, behind } end
    told[#told + 1] = math.max(#added, kept)
  end
end

redis.call('ZCARD', root .. ':due')
redis.call('HLEN', root .. ':latest')
for _, each in ipairs(counted) do
  local taken = tonumber(redis.call('HGET', root .. ':taken', each[1]) or '0')
  write('HSET', root .. ':taken', each[1], string.format('%.0f', taken + each[2]))
end
if #late > 0 and ARGV[6] == '1' then
  local seq = tonumber(redis.call('GET', root .. ':seq') or '0')
  redis.call('HLEN', root .. ':outbox')
  for _, each in ipairs(late) do
    seq = seq + 1
    local plug, first, last = each[1], each[2][1], each[2][2]
    local effect = { kind = 'recount', plug = plug, first_ms = first, last_ms = last }
    write('HSET', root .. ':outbox', string.format('%.0f', seq), cmsgpack.pack(effect))
  end
  write('SET', root .. ':seq', string.format('%.0f', seq))
  write('ZADD', root .. ':due', 'LT', now, '')
end
flush_writes()
return told
