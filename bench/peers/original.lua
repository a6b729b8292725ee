-- Book reports in the layout of the original daemon (pointspaced, 2017), server side.
-- A measure's peer, not part of psd: it keeps the original's five hashes with composite
-- fields and its read before each write, but saves it the round trips.
-- ARGV[1]: msgpack list of reports, each {prefix "hz:<thing>:<uid>:", second YYYYMMDDHHMMSS,
--   atid, aid, value, plan}; plan lists {bucket, first field, last field} of its window.
-- ARGV[2]: lifetime of a hash, seconds.
-- Returns: how many reports booked something.
local LEVELS = {{4, 6}, {6, 8}, {8, 10}, {10, 12}, {12, 14}}

local function booked_in(prefix, plan, aid)
  local sum = 0
  for _, part in ipairs(plan) do
    local flat = redis.call('HGETALL', prefix .. part[1])
    for i = 1, #flat, 2 do
      local sub, _, field_aid = string.match(flat[i], '^(%d+):(-?%d+):(-?%d+)$')
      if field_aid == aid and sub >= part[2] and sub <= part[3] then
        sum = sum + tonumber(flat[i + 1])
      end
    end
  end
  return sum
end

local booked = 0
for _, report in ipairs(cmsgpack.unpack(ARGV[1])) do
  local prefix, second, atid, aid, value, plan = unpack(report)
  local delta = value - booked_in(prefix, plan, aid)
  if delta ~= 0 then
    local suffix = ':' .. atid .. ':' .. aid
    local increment = string.format('%.0f', delta)
    for _, level in ipairs(LEVELS) do
      local key = prefix .. string.sub(second, 1, level[1])
      redis.call('HINCRBY', key, string.sub(second, 1, level[2]) .. suffix, increment)
      redis.call('EXPIRE', key, ARGV[2])
    end
    booked = booked + 1
  end
end
return booked
