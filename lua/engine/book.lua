-- Book a batch of one owner's reports and increments: all of it, or of a refused one nothing.
-- KEYS[1]  root of the owner's keys, hash tag included, e.g. psd:{1503960366}
-- ARGV[1]  msgpack array of reports, each [thing, atid, aid, value, ts1, ts2, marker]: thing a
--          number, atid and aid packed ids, value an integer within +-(2^53 - 1), times Unix
--          seconds, marker 8 bytes for an increment and false for a report
-- ARGV[2]  seven msgpack numbers: lifetimes in seconds of year, month, week, day, second and
--          activity keys and of markers; 0 is for ever
-- Returns: a list of codes by position: 0 unchanged, 1 booked, 2 duplicate, 3 out of bounds
-- Errors: none of its own; a key of a foreign type fails before anything is written
-- Idempotent: yes; a report replaces the one with its window, an increment is marked
-- Cost: O(1) per report that is its activity's newest; else O(records of the activity's hour),
--       and O(hours of the activity) where windows reach across them; batches up to 1,000
-- @include lib/activity_writes
-- @include lib/calendar_totals
-- @include lib/leaf_tree
-- @include lib/markers

local root = KEYS[1]
local reports = cmsgpack.unpack(ARGV[1])
read_lifetimes(ARGV[2])

-- Changed leaf records by prefix and month: pending[prefix][month label].
local pending = {}

local function note_changes(prefix, aid, moves)
  for _, move in ipairs(moves) do
    local unit = unit_of_month(move[1])
    local place = prefix .. ':' .. unit.label
    local month = pending[place]
    if not month then
      month = { prefix = prefix, unit = unit, changes = {}, by_record = {},
        total = cells[prefix .. ':m:' .. day_of(move[1]).year][tostring(day_of(move[1]).month)] }
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

local function book(report)
  local prefix, ts1, ts2, marker = root .. ':' .. report[1], report[5], report[6], report[7]
  if marker and is_marked(root, ts2, marker) then return 2 end
  local count_cell = load_cells(prefix .. ':y', keep.year, { 'activities' }).activities
  local activity = load_activity(prefix, report[3], count_cell)
  local window = marker and -1 or ts2 - ts1
  local plan = plan_report(activity, ts1, ts2, window, report[2], report[4])
  if not plan_fits(plan) or not add_moves(prefix, plan.moves) then return 3 end
  commit_plan(plan)
  note_changes(prefix, report[3], plan.moves)
  if marker then mark(root, ts2, marker) end
  return #plan.moves > 0 and 1 or 0
end

local codes = {}
for at = 1, #reports do codes[at] = book(reports[at]) end
for _, month in pairs(pending) do
  apply_unit(month.prefix, month.unit, month.total.count_before, month.total.count, month.changes)
end
save_activities()
save_cells()
flush_writes()
return codes
