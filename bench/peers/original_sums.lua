-- Sum ranges in the layout of the original daemon, server side: the read that
-- bench/peers/original.lua has to be compared with.
-- ARGV[1]: msgpack {users: list of lists of prefixes "hz:<thing>:<uid>:", plan: list of
--   {bucket, first field, last field}}.
-- ARGV[2]: "1" to list activities too.
-- Returns: per user a list: one sum per prefix as text, then (when asked) aid, atid, aid, ...
local request = cmsgpack.unpack(ARGV[1])
local users, plan = request[1], request[2]
local listing = ARGV[2] == '1'
local answers = {}

for u, prefixes in ipairs(users) do
  local answer, seen, types = {}, {}, {}
  for p, prefix in ipairs(prefixes) do
    local sum = 0
    for _, part in ipairs(plan) do
      local flat = redis.call('HGETALL', prefix .. part[1])
      for i = 1, #flat, 2 do
        local sub, atid, aid = string.match(flat[i], '^(%d+):(-?%d+):(-?%d+)$')
        if sub >= part[2] and sub <= part[3] then
          sum = sum + tonumber(flat[i + 1])
          if listing and not types[aid] then
            types[aid] = atid
            seen[#seen + 1] = aid
          end
        end
      end
    end
    answer[p] = string.format('%.0f', sum)
  end
  for _, aid in ipairs(seen) do
    answer[#answer + 1] = aid
    answer[#answer + 1] = types[aid]
  end
  answers[u] = answer
end
return answers
