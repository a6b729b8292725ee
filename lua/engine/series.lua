-- Hand over what answers sums of a thing by the buckets between ascending seconds, for a page of
-- owners.
-- KEYS     roots of the owners' keys, of one partition
-- ARGV[1]  msgpack [boundaries, weeks]: bucket n is from boundary n to before boundary n + 1, in
--          Unix seconds; weeks is [[key suffix, [fields]]] where every bucket is a calendar week
--          whose own total can be read, bucket after bucket, else empty
-- ARGV[2]  thing number
-- ARGV[3]  packed msgpack array of packed atids to filter by, or an empty string for all
-- ARGV[4]  "atid" where what each atid has is asked, else empty
-- ARGV[5]  "1" to tell the newest second of any of these owners' bookings, else empty
-- Returns: list: false or the resolution that is still exact, the newest second or false, how many
--          of the owners are answered (others follow by another call), then per owner a list:
--          levels of totals, and bookings of units that are cut, as lib/descent says; of weeks the
--          level is "weeks", and the first number the place of the block
-- Errors: PSD_TOO_LARGE what one owner has takes more than lib/effort allows
-- Mode: read
-- Idempotent: yes
-- Cost: per owner O(buckets with bookings), and a leaf of up to 512 records for each boundary
--       that cuts a day with bookings; 10,000 buckets, at most what lib/effort allows
-- @include lib/descent: new_descent, even_bounds, add_totals, descend
-- @include lib/newest: note_newest_of, newest_told
-- @include lib/atid_sets: atid_set
-- @include lib/effort: next_effort, is_page_spent, is_overspent
-- @include lib/hash_reads: named_values
-- @include lib/leaf_reads: lost, leaves

local plan = cmsgpack.unpack(ARGV[1])
local bounds, weeks, prefix_end = plan[1], plan[2], ':' .. ARGV[2]
if plan[3] then bounds = even_bounds(unpack(plan[3])) end
local atids, by_atid, tells_newest = atid_set(ARGV[3]), ARGV[4] == 'atid', ARGV[5] == '1'

-- What an owner has in the buckets, or in calendar weeks, each of which has its own total.
local function answer_about(prefix)
  local descent = new_descent(bounds, atids, by_atid)
  if #weeks == 0 then descend(descent, prefix) end
  for place, block in ipairs(weeks) do
    local key = prefix .. ':' .. block[1]
    add_totals(descent, 'weeks', place - 1, 0, key, block[2], named_values(key, block[2]))
  end
  return { descent.totals, descent.parts }
end

local reply, answered = { false, false, 0 }, 0
for _, root in ipairs(KEYS) do
  next_effort()
  if is_page_spent() then break end
  leaves = {}
  if tells_newest then note_newest_of(root .. prefix_end) end
  reply[#reply + 1] = answer_about(root .. prefix_end)
  if is_overspent() then
    return redis.error_reply('PSD_TOO_LARGE range: one owner takes more than a call may read')
  end
  answered = answered + 1
end
reply[1], reply[2], reply[3] = lost, newest_told(), answered
return reply
