-- Book a report: take one report or increment into what this call knows of its owner, and say what
-- becomes of it: 0 unchanged, 1 booked, 2 duplicate, 3 out of bounds, 4 of a withdrawn activity.
-- Nothing is written: that is for whoever saves what was noted.
-- @include lib/activity_writes
-- @include lib/pending
-- @include lib/newest_writes
-- @include lib/markers

local function book_report(root, thing, atid, aid, value, ts1, ts2, marker)
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

-- All of some owners' batches: the codes, or nil when an hour or minute passes the bound.
local function book_batches(roots, batches)
  local codes = {}
  for owner = 1, #roots do
    local reports = batches[owner]
    for at = 1, #reports do
      codes[#codes + 1] = book_report(roots[owner], unpack(reports[at], 1, 7))
    end
  end
  return apply_changes() and codes or nil
end
