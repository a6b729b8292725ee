-- Report run: reports of one long activity that go on where it ended, one behind the other, as a
-- vehicle sends its signals. Nothing of what they book changes what was booked, so an hour of them
-- goes into the activity, the totals and the pending leaf changes (lib/pending) at once, and leaves
-- what lib/book_report would leave.
-- @include lib/activity: HOUR_S, HOUR_RECORDS_MAX, load_activity, part_of
-- @include lib/activity_commit: note_hour
-- @include lib/calendar: day_of
-- @include lib/calendar_totals: calendar_buckets, totals_fit, add_to_totals
-- @include lib/cells: load_year
-- @include lib/newest_writes: note_newest_moves
-- @include lib/numbers: SUM_MAX
-- @include lib/pending: pending_month

local book_run

do
  -- How much they are together, their signs left out; nil where they are no run.
  local function size_of(reports)
    local first, last, size = reports[1], -1, 0
    for at = 1, #reports do
      local report = reports[at]
      local value = report[4]
      if report[7] or value == 0 or report[3] ~= first[3] or report[2] ~= first[2]
        or report[5] <= last then
        return nil
      end
      last, size = report[6], size + (value < 0 and -value or value)
    end
    return size <= SUM_MAX and size or nil
  end

  -- The reports by hour, as { hour, first place, last place }.
  local function hours_of(reports)
    local hours, hour = {}, nil
    for at = 1, #reports do
      local number = math.floor(reports[at][6] / HOUR_S)
      if hour and hour[1] == number then
        hour[3] = at
      else
        hour = { number, at, at }
        hours[#hours + 1] = hour
      end
    end
    return hours
  end

  -- Whether an hour has room for its reports, and the totals for all.
  local function hour_fits(prefix, activity, hour, second, atid, size)
    local found = calendar_buckets(prefix, second, atid)
    local records = part_of(activity, hour[1]).summary[1] + hour[3] - hour[2] + 1
    return records <= HOUR_RECORDS_MAX and totals_fit(found, size) and totals_fit(found, -size)
  end

  -- Put the reports of an hour into the activity, and note their changes.
  local function book_hour(prefix, activity, reports, hour)
    local first = reports[hour[2]]
    local part, changes = part_of(activity, hour[1]), pending_month(prefix, first[6]).changes
    local flat, atid, aid, sum = part.flat, first[2], activity.aid, 0
    local slot, next_at = #flat, #changes
    local earliest, latest = math.huge, -1
    for at = hour[2], hour[3] do
      local report = reports[at]
      local value, started, second = report[4], report[5], report[6]
      flat[slot + 1], flat[slot + 2], flat[slot + 3], flat[slot + 4] =
        second, second - started, atid, value
      slot, next_at, sum = slot + 4, next_at + 1, sum + value
      changes[next_at] = { second, atid, aid, 0, value }
      earliest, latest = math.min(earliest, started), math.max(latest, started)
    end
    local records = hour[3] - hour[2] + 1
    note_hour(activity, part, records, sum, earliest)
    note_hour(activity, part, 0, 0, latest)
    part.dirty = true
    activity.total, activity.count = activity.total + sum, activity.count + records
    add_to_totals(calendar_buckets(prefix, first[6], atid), sum, records)
  end

  -- Book the reports of an owner's thing, or answer false and have changed nothing.
  function book_run(prefix, reports)
    local size = #reports > 1 and size_of(reports)
    if not size then return false end
    local first, last = reports[1], reports[#reports]
    load_year(prefix, day_of(first[6]).year_field, first[2])
    local activity = load_activity(prefix, first[3])
    if not activity.long or activity.took or first[5] <= activity.last then return false end
    local hours = hours_of(reports)
    for at = 1, #hours do
      local second = reports[hours[at][2]][6]
      if not hour_fits(prefix, activity, hours[at], second, first[2], size) then return false end
    end
    for at = 1, #hours do book_hour(prefix, activity, reports, hours[at]) end
    activity.dirty, activity.last = true, last[6]
    note_newest_moves(prefix, { { last[6], first[2], 0, last[4] } })
    return true
  end
end
