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
-- Cost: O(log n) a question, 4 us, 60 where its second has many transactions; up to 500 questions

local root = KEYS[1]
local events = root .. ':events'

-- So many of one second are looked at one by one; of more the place is searched for.
local FEW = 16

local function is_passed_over(member, without) return string.sub(member, -12) == without end

-- Of the second itself only those are looked at that stand on the right side of the member.
local function within(here, member, goes_back, without)
  local found
  for _, each in ipairs(here) do
    if not is_passed_over(each, without) then
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
  if pair[1] and is_passed_over(pair[1], without) then return pair[2] end
  return pair[1]
end

-- How many stand before (second, member) in the whole index: members of one second are in order.
local function place_of(key, second, member)
  local low = redis.call('ZCOUNT', key, '-inf', '(' .. second)
  local high = redis.call('ZCOUNT', key, '-inf', second)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if redis.call('ZRANGE', key, middle, middle)[1] < member then
      low = middle + 1
    else
      high = middle
    end
  end
  return low
end

local function searched(key, second, member, goes_back, without)
  local place = place_of(key, second, member)
  local near
  if goes_back then
    near = redis.call('ZRANGE', key, math.max(place - 2, 0), place - 1)
    if place == 0 then near = {} end
    near = { near[2] or near[1], near[2] and near[1] }
  else
    near = redis.call('ZRANGE', key, place, place + 2)
    if near[1] == member then table.remove(near, 1) end
  end
  if near[1] and is_passed_over(near[1], without) then return near[2] or nil end
  return near[1]
end

local function neighbour(key, second, member, goes_back, without)
  local here = redis.call('ZRANGEBYSCORE', key, second, second, 'LIMIT', 0, FEW)
  if #here == FEW then return searched(key, second, member, goes_back, without) end
  return within(here, member, goes_back, without) or beyond(key, second, goes_back, without)
end

local newest = redis.call('XREVRANGE', events, '+', '-', 'COUNT', 1)[1]
local answers = { newest and string.match(newest[1], '^%d+') or '0' }
for _, ask in ipairs(cmsgpack.unpack(ARGV[1])) do
  local key = root .. ':tx:' .. ask[1] .. ':' .. string.format('%.0f', ask[2])
  local second = string.format('%.0f', ask[3])
  local without = string.format('%012.0f', ask[6])
  local member = neighbour(key, second, ask[4], ask[5], without)
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
