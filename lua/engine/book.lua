-- Book batches of reports and increments: of each owner all of it, or of a refused one nothing.
-- KEYS     roots of the owners' keys, hash tag included, e.g. psd:{1503960366}; in a cluster all
--          of one slot
-- ARGV[1]  msgpack array by owner of arrays of reports, each [thing, atid, aid, value, ts1, ts2,
--          marker]: thing a number, atid and aid packed ids, value an integer within
--          +-(2^53 - 1), times Unix seconds, marker 8 bytes for an increment, nil for a report
-- ARGV[2]  seven msgpack numbers: lifetimes in seconds of year, month, week, day, second and
--          activity keys and of markers; 0 is for ever, -1 again for ever
-- Returns: a list of codes, owner by owner: 0 unchanged, 1 booked, 2 duplicate, 3 out of bounds
-- Errors: PSD_OUT_OF_BOUNDS an hour or minute of a busy day passes the bound: nothing is
--         written, and one report a call tells which; a key of a foreign type fails whole
-- Idempotent: yes; a report replaces the one with its window, an increment is marked
-- Cost: O(1) per report that is its activity's newest; else O(records of the activity's hour),
--       and O(hours of the activity) where windows reach across them; batches up to 1,000
-- @include lib/activity_writes
-- @include lib/calendar_totals
-- @include lib/leaf_tree
-- @include lib/markers

local batches = cmsgpack.unpack(ARGV[1])
read_lifetimes(ARGV[2])

-- Changed leaf records by prefix and month.
local pending = {}

local function note_changes(prefix, aid, moves)
  for at = 1, #moves do
    local move = moves[at]
    local day = day_of(move[1])
    local place = prefix .. day.month_label
    local month = pending[place]
    if not month then
      month = { prefix = prefix, unit = unit_of_month(move[1]), changes = {}, by_record = {},
        total = load_bucket(prefix .. day.month_suffix, keep.month, day.month_field) }
      pending[place] = month
    end
    local record = move[1] .. '|' .. move[2] .. '|' .. aid
    local change = month.by_record[record]
    if change then
      change[5] = move[4]
    else
      change = { move[1], move[2], aid, move[3], move[4] }
      month.by_record[record] = change
      month.changes[#month.changes + 1] = change
    end
  end
end

local function book(root, thing, atid, aid, value, ts1, ts2, marker)
  if marker and is_marked(root, ts2, marker) then return 2 end
  local prefix = root .. ':' .. thing
  load_year(prefix, day_of(ts2).year_field, atid)
  local activity = load_activity(prefix, aid)
  local plan = plan_report(activity, ts1, ts2, marker and -1 or ts2 - ts1, atid, value)
  if not plan_fits(plan) or not add_moves(prefix, plan.moves) then return 3 end
  commit_plan(plan)
  note_changes(prefix, aid, plan.moves)
  if marker then mark(root, ts2, marker) end
  return #plan.moves > 0 and 1 or 0
end

local codes = {}
for owner = 1, #KEYS do
  local reports = batches[owner]
  for at = 1, #reports do codes[#codes + 1] = book(KEYS[owner], unpack(reports[at], 1, 7)) end
end
for _, month in pairs(pending) do
  apply_unit(month.prefix, month.unit, month.total.count_before, month.total.count, month.changes)
end
if not within_bound then
  return redis.error_reply('PSD_OUT_OF_BOUNDS a sum of an hour passes +-(2^53 - 1)')
end
save_activities()
flush_writes()
save_cells()
return codes
