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
-- Returns: list: 0 withdrawn before, 1 withdrawn now, 3 out of bounds, 5 reports have expired;
--          then of each thing with bookings: its number, their sum, number, first and last second,
--          and the atid of the first as text. With 3 and 5 nothing is written
-- Errors: PSD_OUT_OF_BOUNDS as of engine/book; a key of a foreign type fails whole
-- Idempotent: yes; a thing that is new since then is withdrawn with the next call
-- Cost: O(reports of the activity) and the leaves that hold its bookings; 25 us a booking
-- @include lib/activity_back
-- @include lib/activity_writes
-- @include lib/pending
-- @include lib/newest_writes

local root, aid = KEYS[1], ARGV[1]
read_lifetimes(ARGV[3])

local is_changed, took, reply = false, {}, { 0 }
for _, thing in ipairs(cmsgpack.unpack(ARGV[2])) do
  local prefix = root .. ':' .. thing
  local activity = load_activity(prefix, aid)
  if not activity.withdrawn then
    local back = bookings_back(activity)
    if back.is_cut then return { 5 } end
    if not add_moves(prefix, back.moves) then return { 3 } end
    note_changes(prefix, aid, back.moves)
    note_newest_moves(prefix, back.moves)
    activity.withdrawn, activity.dirty, is_changed = true, true, true
    if #back.moves > 0 then
      took[#took + 1] =
        { thing, back.sum, #back.moves, back.first, back.last, id_text(back.atid) }
      for _, value in ipairs(took[#took]) do reply[#reply + 1] = value end
    end
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
if not apply_changes() then
  return redis.error_reply('PSD_OUT_OF_BOUNDS a sum of an hour passes +-(2^53 - 1)')
end
save_activities()
-- The first write, because a log whose newest entries were deleted refuses this id.
redis.call('XADD', log, 'MAXLEN', ARGV[7], id, 'second', ARGV[4], 'aid', id_text(aid), 'by',
  ARGV[5], 'note', ARGV[6], 'things', ARGV[2], 'took', cmsgpack.pack(took))
flush_writes()
save_cells()
save_newest()
reply[1] = 1
return reply
