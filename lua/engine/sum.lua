-- Sum things over a range for a page of owners.
-- KEYS     roots of the owners' keys, e.g. psd:{p0}:1503960366, of one partition
-- ARGV[1]  msgpack plan (psd/engine/plan.py), as lib/planned_sums says
-- ARGV[2]  msgpack array of thing numbers
-- ARGV[3]  packed msgpack array of packed atids to filter by, or an empty string for all
-- ARGV[4]  "1" to tell the newest second of any of these owners' bookings, else empty
-- Returns: list: false or the resolution that is still exact ("day", "month", "year"), the newest
--          second or false, how many of the owners are answered (others follow by another call),
--          then one integer per owner and thing, owner by owner
-- Errors: PSD_OUT_OF_BOUNDS a sum passes +-(2^53 - 1); PSD_TOO_LARGE what one owner has of these
--         atids takes more than lib/effort allows
-- Mode: read
-- Idempotent: yes
-- Cost: per owner and thing at most 1 + 2 + 2 hashes and 2 leaves of 512 records; 1,000 owners, at
--       most what lib/effort allows
-- @include lib/planned_sums: prepared_plan, planned_sum, next_owner
-- @include lib/atid_sets: atid_set
-- @include lib/effort: next_effort, is_page_spent, is_overspent
-- @include lib/leaf_reads: lost, in_bounds
-- @include lib/newest: newest_told

local plan, atids, levels = cmsgpack.unpack(ARGV[1]), atid_set(ARGV[3]), {}
for number, thing in ipairs(cmsgpack.unpack(ARGV[2])) do
  levels[number] = prepared_plan(plan, thing, atids, ARGV[4] == '1')
end

local sums, answered = { false, false, 0 }, 0
for _, root in ipairs(KEYS) do
  next_effort()
  if is_page_spent() then break end
  answered = answered + 1
  next_owner()
  for number = 1, #levels do
    local sum = planned_sum(root, levels[number])
    if is_overspent() then
      return redis.error_reply('PSD_TOO_LARGE atid: one owner takes more than a call may read')
    end
    if not in_bounds then
      return redis.error_reply('PSD_OUT_OF_BOUNDS sum: the range adds up past +-(2^53 - 1)')
    end
    sums[#sums + 1] = sum
  end
end
sums[1], sums[2], sums[3] = lost, newest_told(), answered
return sums
