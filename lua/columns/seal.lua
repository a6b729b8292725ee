-- Put the sealed log of a unit in the place of its logs, if these are what was read.
-- KEYS[1]  the unit's log, e.g. psd:columns:{p0}:1:l:201604
-- KEYS[2]  its sealed log
-- KEYS[3]  the new sealed log, made beside it; it has a lifetime until then
-- KEYS[4]  how often logs of these columns were sealed
-- ARGV[1]  that number before the logs were read, 0 where there is none
-- ARGV[2]  bytes that the log had
-- ARGV[3]  bytes that the sealed log had
-- ARGV[4]  bytes of the new one; 0 where nothing is left of the unit
-- Returns: 1, or 0 when somebody booked or sealed meanwhile, or the new one is not whole any more
-- Errors: none of its own
-- Mode: write
-- Idempotent: yes; a second call finds another number and answers 0
-- Cost: O(1)

local function length(key) return redis.call('STRLEN', key) end

local seals = redis.call('GET', KEYS[4]) or '0'
if seals ~= ARGV[1] then return 0 end
if length(KEYS[1]) ~= tonumber(ARGV[2]) or length(KEYS[2]) ~= tonumber(ARGV[3])
  or length(KEYS[3]) ~= tonumber(ARGV[4]) then
  return 0
end
redis.call('SET', KEYS[4], string.format('%.0f', tonumber(seals) + 1))
redis.call('UNLINK', KEYS[1], KEYS[2])
if ARGV[4] ~= '0' then
  redis.call('RENAME', KEYS[3], KEYS[2])
  redis.call('PERSIST', KEYS[2])
end
return 1
