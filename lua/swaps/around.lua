-- Tell the neighbours of places in indexes of live transactions, all as of one moment.
-- KEYS[1]  root of a network
-- ARGV[1]  msgpack array of questions: index, number, second, member, whether it goes back, number
--          of one that is passed over; the neighbour is the last before (second, member), or the
--          first behind it
-- Returns: the number of the newest event, then for each question a number and the event, or
--          two empty texts for none
-- Errors: none of its own; a key of a foreign type fails
-- Mode: read
-- Idempotent: yes
-- Cost: O(log n) a question and the transactions of its second; up to 500 questions

local root = KEYS[1]
local events = root .. ':events'

-- Of the second itself only those are looked at that stand on the right side of the member.
local function within(key, second, member, goes_back, without)
  local found
  for _, each in ipairs(redis.call('ZRANGEBYSCORE', key, second, second)) do
    if string.sub(each, -12) ~= without then
      if goes_back and each < member then found = each end
      if not goes_back and each > member then return each end
    end
  end
  return found
end

local function beyond(key, second, goes_back, without)
  local pair
  if goes_back then
    pair = redis.call('ZREVRANGEBYSCORE', key, '(' .. second, '-inf', 'LIMIT', 0, 2)
  else
    pair = redis.call('ZRANGEBYSCORE', key, '(' .. second, '+inf', 'LIMIT', 0, 2)
  end
  if pair[1] and string.sub(pair[1], -12) == without then return pair[2] end
  return pair[1]
end

local newest = redis.call('XREVRANGE', events, '+', '-', 'COUNT', 1)[1]
local answers = { newest and string.match(newest[1], '^%d+') or '0' }
for _, ask in ipairs(cmsgpack.unpack(ARGV[1])) do
  local key = root .. ':tx:' .. ask[1] .. ':' .. string.format('%.0f', ask[2])
  local second = string.format('%.0f', ask[3])
  local without = string.format('%012.0f', ask[6])
  local member = within(key, second, ask[4], ask[5], without)
    or beyond(key, second, ask[5], without)
  if member then
    local n = string.format('%.0f', tonumber(string.sub(member, -12)))
    local held = redis.call('XRANGE', events, n .. '-0', n .. '-0')[1]
    table.insert(answers, n)
    table.insert(answers, held and held[2][2] or '')
  else
    table.insert(answers, '')
    table.insert(answers, '')
  end
end
return answers
