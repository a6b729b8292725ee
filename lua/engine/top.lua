-- Find the largest sums of a thing over a range among a page of owners.
-- KEYS     roots of the owners' keys; in a cluster as lib/owners says
-- ARGV[1]  msgpack plan (psd/engine/plan.py), as lib/planned_sums says
-- ARGV[2]  thing number
-- ARGV[3]  packed msgpack array of packed atids to filter by, or an empty string for all
-- ARGV[4]  how many of the largest sums are wanted
-- ARGV[5]  "1" to tell the newest second of any of these owners' bookings, else empty
-- Returns: list: false or the resolution that is still exact, the newest second or false, then
--          position (from 0) and sum of each owner whose sum is not below the smallest of those
--          wanted: ties are all there
-- Errors: PSD_OUT_OF_BOUNDS a sum passes +-(2^53 - 1)
-- Idempotent: yes. Writes nothing
-- Cost: per owner that of engine/sum with one thing, 5 to 15 us; 1,000 owners
-- @include lib/planned_sums
-- @include lib/owners

local levels = prepared_plan(cmsgpack.unpack(ARGV[1]), ARGV[2], atid_set(ARGV[3]), ARGV[5] == '1')
local wanted, sums, sorted = tonumber(ARGV[4]), {}, {}
for number, root in ipairs(owner_roots(5)) do
  next_owner()
  sums[number] = planned_sum(root, levels)
  sorted[number] = sums[number]
end
if not in_bounds then
  return redis.error_reply('PSD_OUT_OF_BOUNDS sum: the range adds up past +-(2^53 - 1)')
end
table.sort(sorted)
local smallest, reply = sorted[math.max(1, #sorted - wanted + 1)], { lost, newest_told() }
for number = 1, #sums do
  if sums[number] >= smallest then
    reply[#reply + 1] = number - 1
    reply[#reply + 1] = sums[number]
  end
end
return reply
