-- Sum a thing over a range for a page of owners, sums side by side.
-- KEYS     roots of the owners' keys; in a cluster as lib/owners says
-- ARGV[1]  msgpack plan (psd/engine/plan.py), as lib/planned_sums says
-- ARGV[2]  thing number
-- ARGV[3]  packed msgpack array of packed atids to filter by, or an empty string for all
-- ARGV[4]  "1" to tell the newest second of any of these owners' bookings, else empty
-- Returns: list: false or the resolution that is still exact, the newest second or false, then a
--          string of 8 bytes an owner, each a signed big-endian number
-- Errors: PSD_OUT_OF_BOUNDS a sum passes +-(2^53 - 1)
-- Idempotent: yes. Writes nothing
-- Cost: per owner that of engine/sum with one thing, 5 to 15 us; 1,000 owners
-- @include lib/planned_sums
-- @include lib/owners

local plan, sums = cmsgpack.unpack(ARGV[1]), {}
local levels = prepared_plan(plan, ARGV[2], atid_set(ARGV[3]), ARGV[4] == '1')
for number, root in ipairs(owner_roots(4)) do
  next_owner()
  sums[number] = struct.pack('>i8', planned_sum(root, levels))
end
if not in_bounds then
  return redis.error_reply('PSD_OUT_OF_BOUNDS sum: the range adds up past +-(2^53 - 1)')
end
return { lost, newest_told(), table.concat(sums) }
