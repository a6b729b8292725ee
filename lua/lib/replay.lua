-- Replay: what one more report changes. The bookings of an activity are those of replaying its
-- reports by (ts2, narrower window first), each booking value - (bookings in its window so
-- far). A new report books its difference; later reports whose windows cover it give it back.
--   10 at second 5, 10 at 9 (books 0), then late 7 at 7: books -3 there, 9 turns to 3: ends at 10.
-- @include lib/activity_hours: sum_of_hours, find_hour
-- @include lib/activity: HOUR_RECORDS_MAX, part_number, part_of, loaded_part
-- @include lib/ids: compare_bytes
-- @include lib/work: spend_work, is_too_heavy

local sum_back, sum_of_earlier_parts, plan_report

do
  -- Sum of bookings at seconds >= from among the records before slot `at`.
  function sum_back(flat, at, from)
    local sum = 0
    for slot = at - 4, 1, -4 do
      if flat[slot] < from then break end
      sum = sum + flat[slot + 3]
    end
    return sum
  end

  -- Sum of bookings at seconds >= from in the parts before part `number`.
  function sum_of_earlier_parts(activity, number, from)
    local first = part_number(activity, from)
    if first >= number then return 0 end
    local flat = loaded_part(activity, first).flat
    spend_work(#flat / 160)
    return sum_back(flat, #flat + 1, from) + sum_of_hours(activity, first + 1, number)
  end

  -- -1, 0 or 1: the record at a slot against a report; windows of one second are all different,
  -- increments of one second differ in their atid.
  local function compare_report(flat, slot, second, window, atid)
    if flat[slot] ~= second then return flat[slot] < second and -1 or 1 end
    if flat[slot + 1] ~= window then return flat[slot + 1] < window and -1 or 1 end
    return window >= 0 and 0 or compare_bytes(flat[slot + 2], atid)
  end

  -- Slot of the record that this report replaces, or where it belongs, and whether it is there.
  local function report_slot(flat, second, window, atid)
    local low, high = 0, #flat / 4
    while low < high do
      local middle = math.floor((low + high) / 2)
      local order = compare_report(flat, middle * 4 + 1, second, window, atid)
      if order == 0 then return middle * 4 + 1, true end
      if order < 0 then low = middle + 1 else high = middle end
    end
    return low * 4 + 1, false
  end

  -- How many of these ascending seconds are before `start`.
  local function seconds_before(seconds, start)
    local low, high = 0, #seconds
    while low < high do
      local middle = math.floor((low + high) / 2)
      if seconds[middle + 1] < start then low = middle + 1 else high = middle end
    end
    return low
  end

  -- What the bookings from slot `at` on give back, part by part, once `difference` is booked at
  -- `second`; appends { part, slot, booking } to edits. The running sum is off by the difference
  -- or right again: `turns` are the seconds at which that changes. A later report makes the sum
  -- after it as far off as it is before its window.
  local function ripple(activity, part, at, second, difference, edits)
    local turns, off = { second }, difference
    local function pass(flat, from, holder)
      spend_work((#flat - from) / 80)
      for slot = from, #flat, 4 do
        local window = flat[slot + 1]
        local start = flat[slot] - window
        if window >= 0 and start <= turns[#turns] and (off ~= 0 or start > second) then
          local before = seconds_before(turns, start) % 2 == 1 and difference or 0
          if before ~= off then
            edits[#edits + 1] = { holder, slot, flat[slot + 3] - off + before }
            turns[#turns + 1], off = flat[slot], before
            spend_work(8)
          end
        end
      end
    end
    pass(part.flat, at, part)
    local function can_change(summary)
      return summary[3] <= turns[#turns] and (off ~= 0 or summary[4] > second)
    end
    local number = activity.long and find_hour(activity, part.number + 1, can_change)
    while number and not is_too_heavy() do
      local later = loaded_part(activity, number)
      pass(later.flat, 1, later)
      number = find_hour(activity, number + 1, can_change)
    end
  end

  -- Sum of the activity's bookings at (second, atid): the delta of its leaf record.
  local function booked_at(flat, at, second, atid)
    local sum, slot = 0, at - 4
    while slot >= 1 and flat[slot] == second do slot = slot - 4 end
    slot = slot + 4
    local first = slot
    while flat[slot] == second do
      if flat[slot + 2] == atid then sum = sum + flat[slot + 3] end
      slot = slot + 4
    end
    spend_work((slot - first) / 80)
    return sum
  end

  -- Collect differences by leaf record; a move is { second, atid, before, after }, and `by_place`
  -- finds it by both.
  local function add_move(moves, by_place, part, slot, second, atid, difference)
    if difference == 0 then return end
    local place = second .. '|' .. atid
    local move = by_place[place]
    if move then
      move[4] = move[4] + difference
      return
    end
    local before = booked_at(part.flat, slot, second, atid)
    move = { second, atid, before, before + difference }
    by_place[place], moves[#moves + 1] = move, move
  end

  -- Whether an hour of a long activity takes no more reports.
  local function is_full(activity, part)
    return activity.long and part.summary[1] >= HOUR_RECORDS_MAX
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
    if is_full(activity, part) then return nil end
    local moves = {}
    if booking ~= 0 then moves[1] = { ts2, atid, 0, booking } end
    return { activity = activity, part = part, slot = #part.flat + 1, moves = moves, edits = {},
      record = { ts2, window, atid, booking }, change = booking }
  end

  local NONE = {}

  -- Plan of the first report of an activity.
  local function plan_first(activity, ts2, window, atid, value)
    return { activity = activity, part = activity.hours[0], slot = 1, edits = NONE,
      moves = value ~= 0 and { { ts2, atid, 0, value } } or NONE,
      record = { ts2, window, atid, value }, change = value }
  end

  -- Plan of any report: the record it becomes, the bookings it edits, and the leaf records that
  -- move. Nothing is changed until commit_plan. nil where its hour is full.
  function plan_report(activity, ts1, ts2, window, atid, value)
    if activity.long and ts2 > activity.last then
      return plan_newest(activity, ts1, ts2, window, atid, value)
    end
    if activity.is_new and not activity.dirty then
      return plan_first(activity, ts2, window, atid, value)
    end
    local part = loaded_part(activity, part_number(activity, ts2))
    local flat = part.flat
    local slot, replaces = report_slot(flat, ts2, window, atid)
    if not replaces and is_full(activity, part) then return nil end
    local old_booking = replaces and flat[slot + 3] or 0
    local old_atid = replaces and flat[slot + 2] or atid
    local booking
    if window < 0 then
      booking = old_booking + value
    else
      booking = value - sum_back(flat, slot, ts1) - sum_of_earlier_parts(activity, part.number, ts1)
    end
    local moves, edits, by_place = {}, {}, {}
    if old_atid ~= atid then
      add_move(moves, by_place, part, slot, ts2, old_atid, -old_booking)
      add_move(moves, by_place, part, slot, ts2, atid, booking)
    else
      add_move(moves, by_place, part, slot, ts2, atid, booking - old_booking)
    end
    if booking ~= old_booking then
      ripple(activity, part, replaces and slot + 4 or slot, ts2, booking - old_booking, edits)
    end
    for _, edit in ipairs(edits) do
      local holder, at = edit[1].flat, edit[2]
      add_move(moves, by_place, edit[1], at, holder[at], holder[at + 2], edit[3] - holder[at + 3])
    end
    return { activity = activity, part = part, slot = slot, replaces = replaces, moves = moves,
      edits = edits, record = { ts2, window, atid, booking }, change = booking - old_booking,
      is_same = replaces and old_atid == atid and booking == old_booking }
  end
end
