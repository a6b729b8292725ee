-- Merge what was said of a meter into what is known of it, field by field.
-- KEYS[1]  root of the meter's keys
-- ARGV[1]  the second since when it is so
-- ARGV[2]  msgpack array of fields and values in turn; value false is forgotten, else a text
-- ARGV[3]  most fields that a meter may have
-- ARGV[4]  lifetime of fences in seconds, 0 for ever
-- Returns: 0 where it would have more fields: nothing is written; else list: 1 when what is known
--          has changed, else 0; the number of the rule by which readings make energy; then of each
--          channel with readings that count its name, its kind and how far they follow the rule
-- Errors: none of its own; a key of a foreign type fails, and a record that is none
-- Mode: write
-- Idempotent: yes; of a field the later second stands, of one second the greater value, so that
--             the order in which it is said does not matter
-- Cost: O(fields known and said, channels)
-- @include lib/later: is_greater
-- @include lib/numbers: text
-- @include lib/writes: write, keep_for, flush_writes

local meter, since, said = KEYS[1] .. ':e', tonumber(ARGV[1]), cmsgpack.unpack(ARGV[2])

-- Of these no energy depends.
local PLAIN = { tz = true, plan = true }

local held, known, names = {}, {}, {}
local flat = redis.call('HGETALL', meter)
for at = 1, #flat, 2 do held[flat[at]] = flat[at + 1] end
local record = held.said and cmsgpack.unpack(held.said) or {}
for at = 1, #record, 3 do
  known[record[at]] = { record[at + 1], record[at + 2] }
  names[#names + 1] = record[at]
end

local changed, ruled = false, false
for at = 1, #said, 2 do
  local name, value = said[at], said[at + 1]
  local before = known[name]
  if not before then names[#names + 1] = name end
  if not before or since > before[1] or (since == before[1] and is_greater(value, before[2])) then
    changed = true
    ruled = ruled or (not PLAIN[name] and value ~= (before and before[2] or false))
    known[name] = { since, value }
  end
end
if #names > tonumber(ARGV[3]) then return 0 end

local rule = tonumber(held.rule or 0)
if ruled then
  rule = rule + 1
  write('HSET', meter, 'rule', text(rule))
end
if changed then
  table.sort(names)
  local merged = {}
  for at = 1, #names do
    merged[3 * at - 2], merged[3 * at - 1] = names[at], known[names[at]][1]
    merged[3 * at] = known[names[at]][2]
  end
  write('HSET', meter, 'said', cmsgpack.pack(merged))
end

-- A version more and the fence raised to it, so that nobody books by the rule of before: energy
-- that no run tells of would never be taken away.
local answer = { changed and 1 or 0, rule }
for at = 1, #flat, 2 do
  local channel, kind = flat[at], flat[at + 1]
  if string.find(channel, '^[ieg]%d+$') and (kind == 'power' or kind == 'register') then
    answer[#answer + 1] = channel
    answer[#answer + 1] = kind
    answer[#answer + 1] = held['derived:' .. channel] or ''
    if ruled then
      local version = tonumber(held['version:' .. channel] or 0) + 1
      local fence = KEYS[1] .. ':f:energy.' .. channel
      write('HSET', meter, 'version:' .. channel, text(version))
      write('SET', fence, text(version))
      keep_for(fence, tonumber(ARGV[4]))
    end
  end
end
flush_writes()
return answer
