-- Append an event to a network's stream and move every index with it, if nothing it was made
-- from has changed.
-- KEYS[1]  root of a network
-- ARGV[1]  id of whoever sends it
-- ARGV[2]  the event, JSON
-- ARGV[3]  number that it must get, or 0 for the next one
-- ARGV[4]  msgpack array: versions, fields, names, indexes, left, lists
--          versions  [object, version] of everything that it names; each gets its number
--          fields    [object, field, value, ...] that are registered
--          names     [kind, name, id, name that is given up or '', 1 for a new object]
--          indexes   [index:number, second, root or 0] that a transaction joins
--          left      [number and second of the wrong one, then index:number, member, ...] it
--                    leaves, to be found among those that are gone
--          lists     [list, second] that it stands on
-- Returns: the event's number, and 1; or the number that the id got before, and 0
-- Errors: PSD_CHANGED something is of another version, or is rejected; PSD_TAKEN a number, or a
--         name, is another's; a key of a foreign type fails. Nothing is written
-- Mode: write
-- Idempotent: yes, by the id of whoever sends it
-- Cost: O(log n) an index; up to 5 indexes and 20,000 objects, those of a stocktake

local root, id, event = KEYS[1], ARGV[1], ARGV[2]
local events, seen = root .. ':events', root .. ':seen'
local moved = cmsgpack.unpack(ARGV[4])
local versions, fields, names = moved[1], moved[2], moved[3]
local indexes, left, lists = moved[4], moved[5], moved[6]

local function digits(number) return string.format('%.0f', number) end

local function refusal()
  for _, each in ipairs(versions) do
    local held = redis.call('HGET', root .. ':object:' .. each[1], 'version') or '0'
    if held ~= digits(each[2]) then return 'PSD_CHANGED ' .. each[1] end
  end
  if left[1] and redis.call('HEXISTS', root .. ':rejected', digits(left[1])) == 1 then
    return 'PSD_CHANGED ' .. digits(left[1]) .. ' is rejected'
  end
  if names[1] then
    local held = redis.call('HGET', root .. ':names:' .. names[1], names[2])
    if held and held ~= digits(names[3]) then return 'PSD_TAKEN ' .. names[2] end
    local objects = tonumber(redis.call('HGET', root .. ':counts', names[1]) or '0')
    if names[5] == 1 and objects + 1 ~= names[3] then return 'PSD_CHANGED ' .. names[1] end
  end
end

-- A key of another type fails here, before anything is written.
local function look_at_types()
  redis.call('SCARD', root .. ':unsettled')
  for at = 1, #indexes, 3 do redis.call('ZCARD', root .. ':tx:' .. indexes[at]) end
  for at = 3, #left, 2 do
    redis.call('ZCARD', root .. ':tx:' .. left[at])
    redis.call('ZCARD', root .. ':gone:' .. left[at])
  end
  for at = 1, #lists, 2 do redis.call('ZCARD', root .. ':' .. lists[at]) end
end

local known = redis.call('HGET', seen, id)
if known then return { tonumber(known), 0 } end
local newest = redis.call('XREVRANGE', events, '+', '-', 'COUNT', 1)[1]
local last = newest and tonumber(string.match(newest[1], '^%d+')) or 0
local n = tonumber(ARGV[3])
if n == 0 then n = last + 1 end
if n <= last then return redis.error_reply('PSD_TAKEN number ' .. digits(n)) end
local refused = refusal()
if refused then return redis.error_reply(refused) end
look_at_types()

redis.call('XADD', events, digits(n) .. '-0', 'e', event)
redis.call('HSET', seen, id, digits(n))
for _, each in ipairs(versions) do
  redis.call('HSET', root .. ':object:' .. each[1], 'version', digits(n))
end
for at = 2, #fields, 2 do
  redis.call('HSET', root .. ':object:' .. fields[1], fields[at], fields[at + 1])
end
if names[1] then
  if names[4] ~= '' then redis.call('HDEL', root .. ':names:' .. names[1], names[4]) end
  redis.call('HSET', root .. ':names:' .. names[1], names[2], digits(names[3]))
  if names[5] == 1 then redis.call('HSET', root .. ':counts', names[1], digits(names[3])) end
end
if left[1] then redis.call('HSET', root .. ':rejected', digits(left[1]), digits(n)) end
for at = 3, #left, 2 do
  redis.call('ZREM', root .. ':tx:' .. left[at], left[at + 1])
  redis.call('ZADD', root .. ':gone:' .. left[at], digits(left[2]), left[at + 1])
end
for at = 1, #indexes, 3 do
  local place = indexes[at + 2] == 0 and n or indexes[at + 2]
  local member = string.format('%012.0f:%012.0f', place, n)
  redis.call('ZADD', root .. ':tx:' .. indexes[at], digits(indexes[at + 1]), member)
end
for at = 1, #lists, 2 do
  redis.call('ZADD', root .. ':' .. lists[at], digits(lists[at + 1]), string.format('%012.0f', n))
end
redis.call('SADD', root .. ':unsettled', digits(n))
return { n, 1 }
