-- Make the results of one run of the weekly job visible, all of its weeks at once.
-- KEYS[1]  the lock of the job
-- KEYS[2]  hash of the visible weeks: week -> result, JSON with a field "generation"
-- KEYS[3]  hash of the states of weeks: week -> JSON
-- KEYS[4]  hash of dirty weeks: week -> number of changes
-- KEYS[5]  set of "week:generation" whose rows nobody needs any longer
-- KEYS[6]  the run under way
-- ARGV[1]  the holder's mark of the lock
-- ARGV[2]  msgpack array by week of [week, result, state, changes that the run has seen]
-- Returns: number of weeks
-- Errors: PSD_LOCK_LOST the lock is not the caller's any longer, PSD_BAD_RESULT what stands for a
--         week has no generation: nothing is written; a key of a foreign type fails whole
-- Mode: write
-- Idempotent: yes; a second call finds the run over, and its lock let go or still held
-- Cost: O(weeks), at most 9,283

if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return redis.error_reply('PSD_LOCK_LOST another run of the job has taken over')
end

-- The generation of a result, which is part of the keys of its rows.
local function generation_of(week, result)
  local is_json, read = pcall(cjson.decode, result)
  local generation = is_json and type(read) == 'table' and read.generation
  if type(generation) == 'number' then return string.format('%.0f', generation) end
  return nil, 'PSD_BAD_RESULT what stands for week ' .. week .. ' is no result'
end

-- Redis takes some thousands of arguments at once from a script.
local PART = 1000
local function in_parts(verb, key, values)
  for first = 1, #values, PART do
    redis.call(verb, key, unpack(values, first, math.min(first + PART - 1, #values)))
  end
end

-- Everything is read before the first write; lengths, so that keys of a foreign type fail here.
redis.call('HLEN', KEYS[3])
redis.call('SCARD', KEYS[5])
local weeks = cmsgpack.unpack(ARGV[2])
local results, states, clean, garbage = {}, {}, {}, {}
for _, entry in ipairs(weeks) do
  local week, result, state, seen = unpack(entry)
  local generation, refusal = generation_of(week, result)
  local before = redis.call('HGET', KEYS[2], week)
  if generation and before then
    local replaced
    replaced, refusal = generation_of(week, before)
    if replaced ~= generation then garbage[#garbage + 1] = week .. ':' .. (replaced or '') end
  end
  if refusal then return redis.error_reply(refusal) end
  results[#results + 1], results[#results + 2] = week, result
  states[#states + 1], states[#states + 2] = week, state
  if redis.call('HGET', KEYS[4], week) == seen then clean[#clean + 1] = week end
end

in_parts('SADD', KEYS[5], garbage)
in_parts('HSET', KEYS[2], results)
in_parts('HSET', KEYS[3], states)
in_parts('HDEL', KEYS[4], clean)
redis.call('DEL', KEYS[6])
return #weeks
