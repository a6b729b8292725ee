-- Sum a thing over a range for a page of owners, sums side by side.
-- KEYS     roots of the owners' keys, of one partition
-- ARGV[1]  msgpack plan (psd/engine/plan.py), as lib/planned_sums says
-- ARGV[2]  thing number
-- ARGV[3]  packed msgpack array of packed atids to filter by, or an empty string for all
-- ARGV[4]  "1" to tell the newest second of any of these owners' bookings, else empty
-- ARGV[5]  "1" to tell who has no bookings of the thing, in the range or not, else empty
-- Returns: list: false or the resolution that is still exact, the newest second or false, how many
--          of the owners are answered (others follow by another call), then a string of 8 bytes an
--          owner, each a signed big-endian number: -2^63, which no sum is, for an owner without
--          bookings, if that is to be told
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

local NOT_BOOKED = '\128\0\0\0\0\0\0\0'

local plan, sums, tells_booked = cmsgpack.unpack(ARGV[1]), {}, ARGV[5] == '1'
local levels = prepared_plan(plan, ARGV[2], atid_set(ARGV[3]), ARGV[4] == '1' or tells_booked)
for number, root in ipairs(KEYS) do
  next_effort()
  if is_page_spent() then break end
  next_owner()
  local sum = planned_sum(root, levels)
  if is_overspent() then
    return redis.error_reply('PSD_TOO_LARGE atid: one owner takes more than a call may read')
  end
  sums[number] = tells_booked and not is_booked and NOT_BOOKED or struct.pack('>i8', sum)
end
if not in_bounds then
  return redis.error_reply('PSD_OUT_OF_BOUNDS sum: the range adds up past +-(2^53 - 1)')
end
return { lost, newest_told(), #sums, table.concat(sums) }
