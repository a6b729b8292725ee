-- Columns: what a call has changed, by partition and thing, for boards of everybody: each owner's
-- totals of years and months by position, and the differences in logs. What was booked straight and
-- what apply_changes has put into leaves feed the same cells and records (lib/column_writes).
-- @include lib/column_places: columns_of, position_at, position_of
-- @include lib/column_writes: change_cell, log_record, write_columns
-- @include lib/pending: pending_months, meet_month
-- @include lib/cells: hashes
-- @include lib/numbers: SUM_MAX, text
-- @include lib/work: spend_work

local note_booking, note_bookings, note_columns

do
  -- Columns of which this call changes something.
  local touched = {}

  -- Add to the last record, where it is of the same second and position.
  local function add_delta(records, second, position, delta)
    local last = #records
    if records[last - 2] == second and records[last - 1] == position then
      local sum = records[last] + delta
      if sum <= SUM_MAX and sum >= -SUM_MAX then
        records[last] = sum
        return
      end
    end
    log_record(records, second, position, delta)
  end

  -- What a change { second, atid, aid, before, after } adds to a list of records: two where their
  -- difference is more than doubles hold exactly.
  local function add_change(records, position, change)
    local delta = change[5] - change[4]
    if delta > SUM_MAX or delta < -SUM_MAX then
      log_record(records, change[1], position, -change[4])
      delta = change[5]
    end
    add_delta(records, change[1], position, delta)
  end

  -- What changes in a month: its records, and the columns of its year and its own.
  local function month_at(columns, label, start)
    local month = columns.months[label]
    if not month then
      month = { records = {}, start = start,
        year_key = columns.root .. ':y:' .. string.sub(label, 1, 4),
        key = columns.levels.months and columns.root .. ':m:' .. label }
      columns.months[label], touched[columns] = month, true
    end
    return month
  end

  -- An owner's totals of a year and of a month, where months are kept; as texts.
  local function set_totals(columns, month, place, year_text, month_text)
    change_cell(columns, month.year_key, 'SET', place, year_text)
    if month.key then change_cell(columns, month.key, 'SET', place, month_text) end
  end

  -- So many bookings more, and the newest second, a text, where it is another one.
  local function set_state(columns, place, count, newest_text)
    if count ~= 0 then
      change_cell(columns, columns.count_key, 'INCRBY', place, count == 1 and '1' or text(count))
    end
    if newest_text then change_cell(columns, columns.newest_key, 'SET', place, newest_text) end
  end

  -- Take what changed in a month of an owner's thing.
  local function note_month(columns, changed)
    local prefix, label = changed.prefix, changed.unit.label
    local position, count = position_of(columns, prefix), 0
    local month, place = month_at(columns, label, changed.unit.start), '#' .. text(position)
    for at = 1, #changed.changes do
      local change = changed.changes[at]
      count = count + (change[5] ~= 0 and 1 or 0) - (change[4] ~= 0 and 1 or 0)
      add_change(month.records, position, change)
    end
    spend_work(#changed.changes)
    local hash = hashes[prefix .. ':y']
    local year = hash.buckets[string.sub(label, 1, 4)]
    set_totals(columns, month, place, text(year.sum), text(changed.total.sum))
    set_state(columns, place, count,
      hash.is_newest_dirty and not hash.finds_newest and text(hash.newest))
  end

  -- Take reports of an owner's thing that are in no hash of lib/cells, each of which is a booking:
  -- `days` has what lib/gathered_totals knows of the day of each. `at` is that field of the year
  -- hash, and `newest_text` the thing's newest second where they have changed it. Answers what `at`
  -- is from now on; nil where it stays as it is.
  function note_bookings(prefix, at, reports, days, newest_text)
    local columns = columns_of(prefix, reports[1][1])
    if not columns then return nil end
    local position, is_new = position_at(columns, prefix, at)
    local position_text, count, known, month = text(position), #reports, nil, nil
    local place = '#' .. position_text
    for number = 1, count do
      local buckets, report = days[number], reports[number]
      if buckets[3] ~= known then
        known = buckets[3]
        local day = buckets[1]
        month = month_at(columns, day.month_label, day.month_start)
        meet_month(day.month_label)
        set_totals(columns, month, place, buckets[2][5], known[5])
      end
      add_delta(month.records, report[6], position, report[4])
    end
    spend_work(count)
    set_state(columns, place, count, newest_text)
    return is_new and position_text or nil
  end

  -- The same of one report: its day, and as texts the sums of its year and its month with it.
  function note_booking(prefix, at, report, day, year_text, month_text, newest_text)
    local columns = columns_of(prefix, report[1])
    if not columns then return nil end
    local position, is_new = position_at(columns, prefix, at)
    local position_text, label = text(position), day.month_label
    local place, month = '#' .. position_text, columns.months[label]
    if not month then
      month = month_at(columns, label, day.month_start)
      meet_month(label)
    end
    spend_work(1)
    log_record(month.records, report[6], position, report[4])
    set_totals(columns, month, place, year_text, month_text)
    set_state(columns, place, 1, newest_text)
    return is_new and position_text or nil
  end

  -- Note what is to be written of all that apply_changes has put into the leaves, and of what was
  -- booked straight.
  function note_columns()
    for _, month in ipairs(pending_months) do
      local thing = tonumber(string.match(month.prefix, ':(%d+)$'))
      local columns = columns_of(month.prefix, thing)
      if columns then note_month(columns, month) end
    end
    for columns in pairs(touched) do write_columns(columns) end
  end
end
