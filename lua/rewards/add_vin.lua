-- Note that a vehicle gave a VIN.
-- KEYS[1]  hash of VINs
-- ARGV[1]  VIN
-- ARGV[2]  vehicle, decimal
-- ARGV[3]  most vehicles that are noted of one VIN
-- Returns: how many vehicles gave the VIN, or -1 when it is full: then nothing is written
-- Errors: none of its own; a key of a foreign type fails
-- Mode: write
-- Idempotent: yes
-- Cost: O(vehicles of the VIN), at most ARGV[3]

-- Sorted decimals with commas between: a vehicle may have more digits than a double holds.
-- Digits stand in this order in every locale, by which Redis compares texts.
local function is_before(left, right)
  return #left < #right or (#left == #right and left < right)
end

local vehicles, place, is_noted = {}, 1, false
for noted in string.gmatch(redis.call('HGET', KEYS[1], ARGV[1]) or '', '%d+') do
  is_noted = is_noted or noted == ARGV[2]
  vehicles[#vehicles + 1] = noted
  if is_before(noted, ARGV[2]) then place = #vehicles + 1 end
end
if is_noted then return #vehicles end
if #vehicles >= tonumber(ARGV[3]) then return -1 end
table.insert(vehicles, place, ARGV[2])
redis.call('HSET', KEYS[1], ARGV[1], table.concat(vehicles, ','))
return #vehicles
