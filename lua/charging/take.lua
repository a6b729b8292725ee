-- Keep readings of a site's plugs: the newest in rings, those of sessions in logs.
-- KEYS[1]  root of a site
-- ARGV[1]  msgpack array of four a plug: plug, uid as text, its packed readings in order of time,
--          the newest one as it came
-- ARGV[2]  bytes of a ring
-- ARGV[3]  now, in milliseconds
-- ARGV[4]  first millisecond of which readings of ended sessions are kept
-- ARGV[5]  seconds that a log lives behind its newest write
-- ARGV[6]  1 to have sessions that have ended counted again, where readings of them are new
-- Returns: list by plug: how many readings were new, -1 for a plug that is not known
-- Errors: none of its own; a key of a foreign type fails
-- Mode: write
-- Idempotent: yes, by the millisecond of a reading
-- Cost: O(readings); up to 2,000 plugs, some 5 us each
-- @include lib/packed_readings: ms_of, merged_readings
-- @include lib/writes: write, flush_writes

local root, readings = KEYS[1], cmsgpack.unpack(ARGV[1])
local ring_bytes, now, late_from = tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local told, counted, late = {}, {}, {}

-- Readings of a session, by the ten minutes that they lie in.
local function keep_in_logs(uid, packed, state)
  local strips, is_late = {}, false
  local began, ended = state[3], state[4]
  for at = 1, #packed, 18 do
    local ms = ms_of(packed, at)
    local in_session = began > 0 and ms >= began
    local behind = ms <= ended and ms >= late_from
    if in_session or behind then
      local strip = math.floor(ms / 600000)
      strips[strip] = (strips[strip] or '') .. string.sub(packed, at, at + 17)
    end
  end
  local new = 0
  for strip, own in pairs(strips) do
    local key = string.format('%s:log:%s:%.0f', root, uid, strip)
    local merged, added = merged_readings(redis.call('GET', key) or '', own)
    if #added > 0 then
      write('SET', key, merged, 'EX', ARGV[5])
      new = new + #added
      for _, ms in ipairs(added) do
        if ms <= ended and not (began > 0 and ms >= began) then
          is_late = is_late or { ms, ms }
          is_late = { math.min(is_late[1], ms), math.max(is_late[2], ms) }
        end
      end
    end
  end
  return new, is_late
end

for at = 1, #readings, 4 do
  local plug, uid, packed, newest = unpack(readings, at, at + 3)
  local held = redis.call('HGET', root .. ':plugs', plug)
  if not held then
    told[#told + 1] = -1
  else
    local state = cmsgpack.unpack(held)
    local ring = redis.call('HGET', root .. ':rings', plug) or ''
    local merged, added = merged_readings(ring, packed)
    local kept, behind = keep_in_logs(uid, packed, state)
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
