-- Hand over the bookings of things in a range, packed as they stand, for a page of owners.
-- KEYS     roots of the owners' keys, of one partition
-- ARGV[1]  first second of the range
-- ARGV[2]  second after its last
-- ARGV[3]  msgpack array of thing numbers
-- ARGV[4]  most bookings of an owner
-- ARGV[5]  "1" to cut where an owner has more, else empty to tell how many there are instead
-- ARGV[6]  "1" to tell the newest second of any of these owners' bookings, else empty
-- Returns: list: false or the resolution that is still exact, the newest second or false, how many
--          of the owners are answered (others follow by another call), then per owner the number
--          of its bookings that are too many (0 where they stand in too many leaves), or a list:
--          the second from which on nothing is told or false, then per thing a list of first
--          seconds of leaves and those leaves' records in the range, by turns
-- Errors: none of its own
-- Mode: read
-- Idempotent: yes
-- Cost: per owner and thing its totals, 2.5 us a leaf and 0.05 us a booking; 1,000 owners, at most
--       what lib/effort allows
-- @include lib/handover: months_met, walk_months, handed_over
-- @include lib/newest: note_newest_of, newest_told
-- @include lib/effort: next_effort, is_page_spent, is_overspent
-- @include lib/leaf_reads: lost

local low, high, things = tonumber(ARGV[1]), tonumber(ARGV[2]), cmsgpack.unpack(ARGV[3])
local most, may_cut, tells_newest = tonumber(ARGV[4]), ARGV[5] == '1', ARGV[6] == '1'

-- The months of each thing; nil and the number of bookings where there are too many in the range.
local function months_of(root)
  local plans, met, inside = {}, 0, 0
  for number, thing in ipairs(things) do
    local prefix = root .. ':' .. thing
    if tells_newest then note_newest_of(prefix) end
    plans[number] = months_met(prefix, low, high, may_cut and most or math.huge)
    met, inside = met + plans[number].met, inside + plans[number].inside
  end
  if not may_cut and inside > most then return nil, met end
  return plans, met
end

local function answer_about(root)
  local plans, met = months_of(root)
  if not plans then return met end
  local bookings, stop = 0, false
  for number, plan in ipairs(plans) do
    plan.high = stop or high
    walk_months(plan, root .. ':' .. things[number])
    bookings, stop = bookings + plan.bookings, plan.cut or stop
  end
  if not may_cut and bookings > most then return bookings end
  if not may_cut and is_overspent() then return 0 end
  local found = { stop }
  for number, plan in ipairs(plans) do
    plan.high = stop or high
    found[number + 1] = handed_over(plan)
  end
  return found
end

local reply, roots, answered = { false, false, 0 }, KEYS, 0
for number, root in ipairs(roots) do
  next_effort()
  if is_page_spent() then break end
  reply[number + 3] = answer_about(root)
  answered = number
end
reply[1], reply[2], reply[3] = lost, newest_told(), answered
return reply
