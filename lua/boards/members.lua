-- Put members on a board and take others off, as long as it does not hold too many then.
-- @include lib/decided: is_overtaken, overtaken
-- KEYS[1]  set of the board's members, uids in decimal; beside it ":unchanged", which larger
--          changes set to learn of others (lua/boards/swap.lua), ends with each change
-- KEYS[2]  hash of the board's versions: that of the last change stands under "members"
-- ARGV[1]  msgpack array of the uids to put on
-- ARGV[2]  msgpack array of the uids to take off, none of the others; at most 2,000 with them
-- ARGV[3]  how many members there may be afterwards
-- ARGV[4]  1 when those that are put on take the place of all that are there, else 0
-- ARGV[5]  version of the decision
-- Returns: list: how many are new, how many are there no longer, how many there are
-- Errors: PSD_TOO_MANY_MEMBERS there would be more than there may be; PSD_OVERTAKEN a later
--         decision stands; nothing is written
-- Mode: write
-- Idempotent: yes
-- Cost: O(uids); 2 us each

local PART = 1000

-- Redis takes some thousands of arguments at once from a script, so uids travel in parts.
local function in_parts(verb, uids)
  local replies = {}
  for first = 1, #uids, PART do
    local last = math.min(first + PART - 1, #uids)
    replies[#replies + 1] = redis.call(verb, KEYS[1], unpack(uids, first, last))
  end
  return replies
end

local function held_among(uids)
  local held = 0
  for _, flags in ipairs(in_parts('SMISMEMBER', uids)) do
    for _, flag in ipairs(flags) do held = held + flag end
  end
  return held
end

local add, remove = cmsgpack.unpack(ARGV[1]), cmsgpack.unpack(ARGV[2])
local before = redis.call('SCARD', KEYS[1])
local kept = held_among(add)
local added = #add - kept
local removed = ARGV[4] == '1' and before - kept or held_among(remove)
local count = before + added - removed
-- A board of more than there may be now may still become smaller.
if count > tonumber(ARGV[3]) and count > before then
  return redis.error_reply(string.format(
    'PSD_TOO_MANY_MEMBERS %.0f members would be on it, at most %s are allowed', count, ARGV[3]))
end
if is_overtaken(KEYS[2], 'members', ARGV[5]) then return overtaken() end
redis.call('DEL', KEYS[1] .. ':unchanged')
if ARGV[4] == '1' then
  redis.call('UNLINK', KEYS[1])
else
  in_parts('SREM', remove)
end
in_parts('SADD', add)
redis.call('HSET', KEYS[2], 'members', ARGV[5])
return { added, removed, count }
