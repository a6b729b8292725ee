-- Keep what plugs of a site have become, if they are still what it was decided of.
-- KEYS[1]  root of a site
-- ARGV[1]  msgpack array: versions, plugs, dues, moved, request, effects, opened
--          versions  [plug, version] of all that it was decided of; 0 for one that is not there
--          plugs     [plug, its packed state] that are kept
--          dues      [plug, the millisecond that was seen or -1 for any, the next or -1 for none]
--          moved     transitions, JSON, in their order
--          request   [day, id, what it came to, seconds that it is remembered], or nothing
--          effects   packed, in the order in which they are to be carried out
--          opened    [plug, its uid as text, the millisecond] of sessions that begin with it
-- ARGV[2]  the millisecond from which on anybody carries out what is left of the effects
-- ARGV[3]  transitions that are remembered
-- Returns: the number of the last effect of the site
-- Errors: PSD_CHANGED a plug is of another version, or the request came before; a key of a foreign
--         type fails. Nothing is written then
-- Mode: write
-- Idempotent: no; a repeat is PSD_CHANGED
-- Cost: O(log n) a plug; up to 2,000 plugs
-- @include lib/reading_logs: keep_in_logs
-- @include lib/writes: write, flush_writes

local root, decided = KEYS[1], cmsgpack.unpack(ARGV[1])
local versions, plugs, dues = decided[1], decided[2], decided[3]
local moved, request, effects, opened = decided[4], decided[5], decided[6], decided[7]

local function text(number) return string.format('%.0f', number) end

for at = 1, #versions, 2 do
  local held = redis.call('HGET', root .. ':plugs', versions[at])
  local version = held and cmsgpack.unpack(held)[1] or 0
  if version ~= versions[at + 1] then
    return redis.error_reply('PSD_CHANGED ' .. versions[at])
  end
end
local asked = request[1] and root .. ':requests:' .. text(request[1])
if asked and redis.call('HEXISTS', asked, request[2]) == 1 then
  return redis.error_reply('PSD_CHANGED ' .. request[2])
end
redis.call('HLEN', root .. ':plugs')
redis.call('ZCARD', root .. ':due')
redis.call('HLEN', root .. ':outbox')
local seq = tonumber(redis.call('GET', root .. ':seq') or '0')

-- What was read at the beginning of a session, or behind it by the clock of its site, came already.
for at = 1, #opened, 3 do
  local plug, began = opened[at], opened[at + 2]
  local ring = redis.call('HGET', root .. ':rings', plug) or ''
  local logs = string.format('%s:log:%s:', root, opened[at + 1])
  local new = keep_in_logs(logs, ring, began, 0, began, 0)
  if new > 0 then
    local taken = tonumber(redis.call('HGET', root .. ':taken', plug) or '0')
    write('HSET', root .. ':taken', plug, text(taken + new))
  end
end
for at = 1, #plugs, 2 do write('HSET', root .. ':plugs', plugs[at], plugs[at + 1]) end
for at = 1, #dues, 3 do
  local seen = redis.call('ZSCORE', root .. ':due', dues[at])
  if dues[at + 1] < 0 or (seen and tonumber(seen) == dues[at + 1]) then
    if dues[at + 2] < 0 then
      write('ZREM', root .. ':due', dues[at])
    else
      write('ZADD', root .. ':due', text(dues[at + 2]), dues[at])
    end
  end
end
if asked then
  write('HSET', asked, request[2], request[3])
  write('EXPIRE', asked, text(request[4]))
end
for at, effect in ipairs(effects) do
  write('HSET', root .. ':outbox', text(seq + at), effect)
end
if #effects > 0 then
  write('SET', root .. ':seq', text(seq + #effects))
  write('ZADD', root .. ':due', 'LT', ARGV[2], '')
end
flush_writes()
-- What is told of transitions is no part of the state: where it cannot be kept, the state is.
for _, told in ipairs(moved) do
  pcall(redis.call, 'XADD', root .. ':transitions', 'MAXLEN', '~', ARGV[3], '*', 't', told)
end
return seq + #effects
