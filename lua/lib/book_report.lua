-- Book a report: take one report or increment into what this call knows of its owner, and say what
-- becomes of it: 0 unchanged, 1 booked, 2 duplicate, 3 out of bounds, 4 of a withdrawn activity, 6
-- superseded, 7 its hour is full. Nothing is written: that is for whoever saves what was noted.
-- Seldom: book_report, things_booked
-- @include lib/work: work_alone, spend_work, is_too_heavy
-- @include lib/activity_commit: plan_fits, commit_plan
-- @include lib/pending: note_changes, applied_part, apply_changes
-- @include lib/newest_writes: note_newest_moves
-- @include lib/first_report: book_first_report
-- @include lib/first_reports: book_first_reports
-- @include lib/report_run: book_run
-- @include lib/fences: is_superseded
-- @include lib/markers: is_marked, mark
-- @include lib/activity: load_activity
-- @include lib/calendar: day_of
-- @include lib/calendar_totals: add_moves
-- @include lib/cells: load_year
-- @include lib/numbers: small_text
-- @include lib/replay: plan_report

local function book_report(root, thing, atid, aid, value, ts1, ts2, marker)
  if marker and is_marked(root, ts2, marker) then return 2 end
  local prefix = root .. ':' .. small_text(thing)
  load_year(prefix, day_of(ts2).year_field, atid)
  local activity = load_activity(prefix, aid)
  if activity.withdrawn or activity.took then
    -- Marked all the same: the keys do not tell whether it came before the withdrawal.
    if marker then mark(root, ts2, marker) end
    return 4
  end
  local plan = plan_report(activity, ts1, ts2, marker and -1 or ts2 - ts1, atid, value)
  if not plan then return 7 end
  if is_too_heavy() then return nil end
  if not plan_fits(plan) or not add_moves(prefix, plan.moves) then return 3 end
  commit_plan(plan)
  note_changes(prefix, aid, plan.moves)
  note_newest_moves(prefix, plan.moves)
  if marker then mark(root, ts2, marker) end
  return #plan.moves > 0 and 1 or 0
end

-- What a report costs whose activity and leaf are read anyway, and one that is booked straight:
-- 200 of those of people took some 5 ms, with 16 units each in all.
local REPORT_WORK, STRAIGHT_WORK = 12, 10

-- The answer of a call that is too much: how many reports may not be, by what was done so far.
local function too_heavy(reports)
  local fitting = math.max(1, math.floor(reports * applied_part * 0.6))
  return redis.error_reply('PSD_HEAVY ' .. fitting)
end

local function prefix_of(root, report)
  return root .. ':' .. small_text(report[1])
end

-- Book reports of one owner's thing at once where they are as plain as most are, else none of them.
local function books_straight(prefix, reports)
  if #reports == 1 then return book_first_report(prefix, reports[1]) end
  return book_first_reports(prefix, reports) or book_run(prefix, reports)
end

-- The things of which all reports of an owner were booked at once.
local function things_booked(root, reports)
  local groups, booked = {}, {}
  for at = 1, #reports do
    local thing = reports[at][1]
    local group = groups[thing]
    if group then group[#group + 1] = reports[at] else groups[thing] = { reports[at] } end
  end
  for thing, group in pairs(groups) do
    booked[thing] = books_straight(prefix_of(root, group[1]), group)
    if booked[thing] then spend_work(STRAIGHT_WORK * #group) end
    if is_too_heavy() then break end
  end
  return booked
end

-- The reports of an owner, out of one list: that is unpacked faster than a list of lists.
local function reports_of(flat)
  local reports, number = {}, 0
  for at = 1, #flat, 7 do
    number = number + 1
    reports[number] = { flat[at], flat[at + 1], flat[at + 2], flat[at + 3], flat[at + 4],
      flat[at + 5], flat[at + 6] }
  end
  return reports
end

-- Book the reports of one owner, and add their codes.
local function book_owner(root, reports, codes)
  if #reports == 1 and book_first_report(prefix_of(root, reports[1]), reports[1]) then
    spend_work(STRAIGHT_WORK)
    codes[#codes + 1] = 1
    return
  end
  local booked = #reports > 1 and things_booked(root, reports) or {}
  for at = 1, #reports do
    local report, code = reports[at], 1
    if not booked[report[1]] then
      spend_work(REPORT_WORK)
      code = book_report(root, unpack(report, 1, 7))
    end
    codes[#codes + 1] = code
    if is_too_heavy() then return end
  end
end

-- All of some owners' batches, with a fence (lib/fences) of each that has one, where any has: the
-- codes, or nil and the reply of a call that is refused whole.
local function book_batches(roots, batches, fences)
  local codes = {}
  if #roots == 1 and #batches[1] == 7 then work_alone() end
  for owner = 1, #roots do
    local reports, fence = reports_of(batches[owner]), fences and fences[owner]
    if fence and is_superseded(roots[owner], fence) then
      for _ = 1, #reports do codes[#codes + 1] = 6 end
      spend_work(REPORT_WORK * #reports)
    else
      book_owner(roots[owner], reports, codes)
    end
    if is_too_heavy() then return nil, too_heavy(#codes) end
  end
  if not apply_changes() then
    return nil, redis.error_reply('PSD_OUT_OF_BOUNDS a sum of an hour passes +-(2^53 - 1)')
  end
  if is_too_heavy() then return nil, too_heavy(#codes) end
  return codes
end
