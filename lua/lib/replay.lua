-- Replay: what one more report changes. The bookings of an activity are those of replaying its
-- reports by (ts2, narrower window first), each booking value - (bookings in its window so
-- far). A new report books its difference; later reports whose windows cover it give it back.
--   10 at second 5, 10 at 9 (books 0), then late 7 at 7: books -3 there, 9 turns to 3: ends at 10.
-- @include lib/activity

-- Sum of bookings at seconds >= from among the records before slot `at`.
local function sum_back(flat, at, from)
  local sum = 0
  for slot = at - 4, 1, -4 do
    if flat[slot] < from then break end
    sum = sum + flat[slot + 3]
  end
  return sum
end

-- Sum of bookings at seconds >= from in the parts before part `number`.
local function sum_of_earlier_parts(activity, number, from)
  if part_number(activity, from) >= number then return 0 end
  local sum, order = 0, part_numbers(activity)
  for at = #order, 1, -1 do
    local earlier = order[at]
    if earlier < number then
      if (earlier + 1) * HOUR_S <= from then break end
      if earlier * HOUR_S >= from then
        sum = sum + part_of(activity, earlier).summary[2]
      else
        local flat = loaded_part(activity, earlier).flat
        sum = sum + sum_back(flat, #flat + 1, from)
      end
    end
  end
  return sum
end

-- Slot of the record that this report replaces, or where it belongs, and whether it is there.
local function report_slot(flat, second, window, atid)
  local slot = #flat + 1
  while slot > 1 do
    local before = slot - 4
    local same_second = flat[before] == second
    if flat[before] < second or (same_second and flat[before + 1] < window) then break end
    if flat[before] == second and flat[before + 1] == window then
      local order = window >= 0 and 0 or compare_bytes(flat[before + 2], atid)
      if order == 0 then return before, true end
      if order < 0 then break end
    end
    slot = before
  end
  return slot, false
end

-- What the bookings from slot `at` on give back, part by part, once `difference` is booked at
-- `second`; appends { part, slot, booking } to edits.
local function ripple(activity, part, at, second, difference, edits)
  local shifts, balance, latest = { second, difference }, difference, second
  local function pass(flat, from, holder)
    for slot = from, #flat, 4 do
      local start = flat[slot] - flat[slot + 1]
      local shift = 0
      for known = #shifts - 1, 1, -2 do
        if shifts[known] < start then break end
        shift = shift + shifts[known + 1]
      end
      if shift ~= 0 and flat[slot + 1] >= 0 then
        edits[#edits + 1] = { holder, slot, flat[slot + 3] - shift }
        shifts[#shifts + 1] = flat[slot]
        shifts[#shifts + 1] = -shift
        balance, latest = balance - shift, flat[slot]
      end
    end
  end
  pass(part.flat, at, part)
  if not activity.long then return end
  for _, number in ipairs(part_numbers(activity)) do
    if number > part.number then
      local summary = part_of(activity, number).summary
      if summary[3] <= latest and (balance ~= 0 or summary[4] > second) then
        local later = loaded_part(activity, number)
        pass(later.flat, 1, later)
      end
    end
  end
end

-- Sum of the activity's bookings at (second, atid): the delta of its leaf record.
local function booked_at(flat, at, second, atid)
  local sum, slot = 0, at - 4
  while slot >= 1 and flat[slot] == second do slot = slot - 4 end
  slot = slot + 4
  while flat[slot] == second do
    if flat[slot + 2] == atid then sum = sum + flat[slot + 3] end
    slot = slot + 4
  end
  return sum
end

-- Collect differences by leaf record; a move is { second, atid, before, after }.
local function add_move(moves, part, slot, second, atid, difference)
  if difference == 0 then return end
  for _, move in ipairs(moves) do
    if move[1] == second and move[2] == atid then
      move[4] = move[4] + difference
      return
    end
  end
  local before = booked_at(part.flat, slot, second, atid)
  moves[#moves + 1] = { second, atid, before, before + difference }
end

-- Plan of a report newer than all others of a long activity: its hour need not be read.
local function plan_newest(activity, ts1, ts2, window, atid, value)
  local booking = value
  if window >= 0 and ts1 <= activity.last then
    if ts1 <= activity.first then
      booking = value - activity.total
    else
      booking = value - sum_of_earlier_parts(activity, math.huge, ts1)
    end
  end
  local part = part_of(activity, part_number(activity, ts2))
  local moves = {}
  if booking ~= 0 then moves[1] = { ts2, atid, 0, booking } end
  return { activity = activity, part = part, slot = #part.flat + 1, moves = moves, edits = {},
    record = { ts2, window, atid, booking } }
end

local NONE = {}

-- Plan of the first report of an activity.
local function plan_first(activity, ts2, window, atid, value)
  return { activity = activity, part = activity.hours[0], slot = 1, edits = NONE,
    moves = value ~= 0 and { { ts2, atid, 0, value } } or NONE,
    record = { ts2, window, atid, value } }
end

-- Plan of any report: the record it becomes, the bookings it edits, and the leaf records that
-- move. Nothing is changed until commit_plan.
local function plan_report(activity, ts1, ts2, window, atid, value)
  if activity.long and ts2 > activity.last then
    return plan_newest(activity, ts1, ts2, window, atid, value)
  end
  if activity.is_new and not activity.dirty then
    return plan_first(activity, ts2, window, atid, value)
  end
  local part = loaded_part(activity, part_number(activity, ts2))
  local flat = part.flat
  local slot, replaces = report_slot(flat, ts2, window, atid)
  local old_booking = replaces and flat[slot + 3] or 0
  local old_atid = replaces and flat[slot + 2] or atid
  local booking
  if window < 0 then
    booking = old_booking + value
  else
    booking = value - sum_back(flat, slot, ts1) - sum_of_earlier_parts(activity, part.number, ts1)
  end
  local moves, edits = {}, {}
  if old_atid ~= atid then
    add_move(moves, part, slot, ts2, old_atid, -old_booking)
    add_move(moves, part, slot, ts2, atid, booking)
  else
    add_move(moves, part, slot, ts2, atid, booking - old_booking)
  end
  if booking ~= old_booking then
    ripple(activity, part, replaces and slot + 4 or slot, ts2, booking - old_booking, edits)
  end
  for _, edit in ipairs(edits) do
    local holder, at = edit[1].flat, edit[2]
    add_move(moves, edit[1], at, holder[at], holder[at + 2], edit[3] - holder[at + 3])
  end
  return { activity = activity, part = part, slot = slot, replaces = replaces, moves = moves,
    edits = edits, record = { ts2, window, atid, booking },
    is_same = replaces and old_atid == atid and booking == old_booking }
end
