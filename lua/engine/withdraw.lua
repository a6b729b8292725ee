-- Withdraw one activity: what it booked of every thing is taken back, and no report of it is
-- booked any more, whether it was sent before or after. Written down in the owner's log.
-- KEYS[1]  root of the owner's keys
-- ARGV[1]  packed aid
-- ARGV[2]  msgpack array of thing numbers
-- ARGV[3]  lifetimes, as engine/book reads them
-- ARGV[4]  Unix second of the withdrawal
-- ARGV[5]  who withdraws
-- ARGV[6]  note
-- ARGV[7]  entries that the log keeps
-- ARGV[8]  reports that one call may take back
-- Returns: list: 0 withdrawn before, 1 withdrawn now, 3 out of bounds, 5 reports have expired, 6 a
--          portion was taken back and the next call goes on; with 1 then of each thing with
--          bookings: its number, their sum, number, first and last second, and the atid of the
--          first as text. With 3 and 5 nothing is written
-- Errors: PSD_OUT_OF_BOUNDS as of engine/book; PSD_HEAVY n: the call is too much for one, and
--         nothing is written; a key of a foreign type fails whole
-- Mode: write
-- Idempotent: yes; a thing that is new since then is withdrawn with the next call
-- Cost: O(reports taken back) and the leaves that hold their bookings, 25 us a booking; 200 reports
-- @include lib/activity_back: bookings_back, portion_back
-- @include lib/activity_writes: save_activities
-- @include lib/pending: note_changes, apply_changes
-- @include lib/newest_writes: note_newest_moves, save_newest
-- @include lib/activity: load_activity
-- @include lib/calendar_totals: add_moves
-- @include lib/columns: note_columns
-- @include lib/cells: save_cells
-- @include lib/ids: id_text
-- @include lib/numbers: text
-- @include lib/work: work_alone, is_too_heavy
-- @include lib/writes: read_lifetimes, flush_writes

local root, aid = KEYS[1], ARGV[1]
read_lifetimes(ARGV[3])

local is_changed, took, reply = false, {}, { 0 }

-- What is left to be withdrawn, and its longest; reports of it in all.
local open, longest, reports = {}, nil, 0
for _, thing in ipairs(cmsgpack.unpack(ARGV[2])) do
  local activity = load_activity(root .. ':' .. thing, aid)
  if not activity.withdrawn then
    open[#open + 1] = { thing = thing, activity = activity }
    reports = reports + (activity.count or #activity.hours[0].flat / 4)
    local is_longer = activity.long and activity.count > (longest and longest.count or 1)
    if is_longer then longest = activity end
  end
end

-- Note what the moves of an activity change; false where a sum passes its bound.
local function take(activity, moves)
  if not add_moves(activity.prefix, moves) then return false end
  note_changes(activity.prefix, aid, moves)
  note_newest_moves(activity.prefix, moves)
  return true
end

-- What cannot be written, as a reply; nil where nothing is in the way.
local function refusal()
  if not apply_changes() then
    return redis.error_reply('PSD_OUT_OF_BOUNDS a sum of an hour passes +-(2^53 - 1)')
  end
  note_columns()
  if is_too_heavy() then return redis.error_reply('PSD_HEAVY 1') end
end

if not longest or ARGV[8] == '1' then work_alone() end
if longest and reports > tonumber(ARGV[8]) then
  local back = portion_back(longest, tonumber(ARGV[8]))
  if back.is_cut then return { 5 } end
  if not take(longest, back.moves) then return { 3 } end
  local refused = refusal()
  if refused then return refused end
  flush_writes()
  save_cells()
  save_newest()
  return { 6 }
end

for _, each in ipairs(open) do
  local activity, back = each.activity, bookings_back(each.activity)
  if back.is_cut then return { 5 } end
  if not take(activity, back.moves) then return { 3 } end
  activity.withdrawn, activity.dirty, is_changed = true, true, true
  if back.first then
    took[#took + 1] =
      { each.thing, back.sum, back.number, back.first, back.last, id_text(back.atid) }
    for _, value in ipairs(took[#took]) do reply[#reply + 1] = value end
  end
end
if not is_changed then return reply end

-- Ids of a log grow, also when a withdrawal of long ago is replayed.
local log, id = root .. ':log', ARGV[4] .. '-0'
local last = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]
if last then
  local second, number = string.match(last[1], '^(%d+)-(%d+)$')
  if tonumber(second) >= tonumber(ARGV[4]) then
    id = second .. '-' .. text(tonumber(number) + 1)
  end
end
local refused = refusal()
if refused then return refused end
save_activities()
-- The first write, because a log whose newest entries were deleted refuses this id.
redis.call('XADD', log, 'MAXLEN', ARGV[7], id, 'second', ARGV[4], 'aid', id_text(aid), 'by',
  ARGV[5], 'note', ARGV[6], 'things', ARGV[2], 'took', cmsgpack.pack(took))
flush_writes()
save_cells()
save_newest()
reply[1] = 1
return reply
