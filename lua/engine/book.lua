-- Book batches of reports and increments: of each owner all of it, or of a refused one nothing.
-- KEYS     roots of the owners' keys, hash tag included, e.g. psd:{1503960366}; in a cluster as
--          lib/owners says
-- ARGV[1]  msgpack array by owner of arrays of reports, each [thing, atid, aid, value, ts1, ts2,
--          marker]: thing a number, atid and aid packed ids, value an integer within
--          +-(2^53 - 1), times Unix seconds, marker 8 bytes for an increment, nil for a report
-- ARGV[2]  seven msgpack numbers: lifetimes in seconds of year, month, week, day, second and
--          activity keys and of markers; 0 is for ever, -1 again for ever
-- Returns: a list of codes, owner by owner: 0 unchanged, 1 booked, 2 duplicate, 3 out of bounds,
--          4 of an activity that was withdrawn
-- Errors: PSD_OUT_OF_BOUNDS an hour or minute of a busy day passes the bound: nothing is
--         written, and one report a call tells which; a key of a foreign type fails whole
-- Idempotent: yes; a report replaces the one with its window, an increment is marked
-- Cost: O(1) per report that is its activity's newest; else O(records of the activity's hour),
--       and O(hours of the activity) where windows reach across them; batches up to 1,000
-- @include lib/activity_writes
-- @include lib/pending
-- @include lib/newest_writes
-- @include lib/markers
-- @include lib/owners

local batches, roots = cmsgpack.unpack(ARGV[1]), owner_roots(2)
read_lifetimes(ARGV[2])

local function book(root, thing, atid, aid, value, ts1, ts2, marker)
  if marker and is_marked(root, ts2, marker) then return 2 end
  local prefix = root .. ':' .. thing
  load_year(prefix, day_of(ts2).year_field, atid)
  local activity = load_activity(prefix, aid)
  if activity.withdrawn then
    -- Marked all the same: the keys do not tell whether it came before the withdrawal.
    if marker then mark(root, ts2, marker) end
    return 4
  end
  local plan = plan_report(activity, ts1, ts2, marker and -1 or ts2 - ts1, atid, value)
  if not plan_fits(plan) or not add_moves(prefix, plan.moves) then return 3 end
  commit_plan(plan)
  note_changes(prefix, aid, plan.moves)
  note_newest_moves(prefix, plan.moves)
  if marker then mark(root, ts2, marker) end
  return #plan.moves > 0 and 1 or 0
end

local codes = {}
for owner = 1, #roots do
  local reports = batches[owner]
  for at = 1, #reports do codes[#codes + 1] = book(roots[owner], unpack(reports[at], 1, 7)) end
end
if not apply_changes() then
  return redis.error_reply('PSD_OUT_OF_BOUNDS a sum of an hour passes +-(2^53 - 1)')
end
save_activities()
flush_writes()
save_cells()
save_newest()
return codes
