-- Find the largest sums of a thing over a range among a page of owners.
-- KEYS     roots of the owners' keys, of one partition
-- ARGV[1]  msgpack plan (psd/engine/plan.py), as lib/planned_sums says
-- ARGV[2]  thing number
-- ARGV[3]  packed msgpack array of packed atids to filter by, or an empty string for all
-- ARGV[4]  how many of the largest sums are wanted
-- ARGV[5]  "1" to tell the newest second of any of these owners' bookings, else empty
-- ARGV[6]  "1" for the owners who have bookings of the thing, in the range or not; empty for all
-- Returns: list: false or the resolution that is still exact, the newest second or false, how many
--          of the owners are answered (others follow by another call), how many were ranked, then
--          position (from 0) and sum of each owner whose sum is not below the smallest of those
--          wanted: ties are all there
-- Errors: PSD_OUT_OF_BOUNDS a sum passes +-(2^53 - 1); PSD_TOO_LARGE what one owner has of these
--         atids takes more than lib/effort allows
-- Mode: read
-- Idempotent: yes
-- Cost: per owner that of engine/sum with one thing, 5 to 15 us; 1,000 owners, at most what
--       lib/effort allows
-- @include lib/planned_sums: prepared_plan, planned_sum, next_owner
-- @include lib/atid_sets: atid_set
-- @include lib/effort: next_effort, is_page_spent, is_overspent
-- @include lib/leaf_reads: lost, in_bounds
-- @include lib/newest: is_booked, newest_told

local plan, takes_all = cmsgpack.unpack(ARGV[1]), ARGV[6] ~= '1'
local levels = prepared_plan(plan, ARGV[2], atid_set(ARGV[3]), ARGV[5] == '1' or not takes_all)
local wanted, places, sums, sorted, answered = tonumber(ARGV[4]), {}, {}, {}, 0
for number, root in ipairs(KEYS) do
  next_effort()
  if is_page_spent() then break end
  answered = number
  next_owner()
  local sum = planned_sum(root, levels)
  if is_overspent() then
    return redis.error_reply('PSD_TOO_LARGE atid: one owner takes more than a call may read')
  end
  if takes_all or is_booked then
    local at = #sums + 1
    places[at], sums[at], sorted[at] = number - 1, sum, sum
  end
end
if not in_bounds then
  return redis.error_reply('PSD_OUT_OF_BOUNDS sum: the range adds up past +-(2^53 - 1)')
end
table.sort(sorted)
local smallest = sorted[math.max(1, #sorted - wanted + 1)]
local reply = { lost, newest_told(), answered, #sums }
for at = 1, #sums do
  if sums[at] >= smallest then
    reply[#reply + 1] = places[at]
    reply[#reply + 1] = sums[at]
  end
end
return reply
