-- Columns: what a call has changed, by partition and thing, for boards of everybody: each owner's
-- totals of years and months by position, and the differences in logs. What was booked straight and
-- what apply_changes has put into leaves feed the same cells and records (lib/column_writes).
-- @include lib/column_places: columns_of, position_at, position_of
-- @include lib/column_writes: cells_at, add_to_cell, log_record, write_columns
-- @include lib/pending: pending_months
-- @include lib/calendar: day_of
-- @include lib/cells: hashes
-- @include lib/numbers: SUM_MAX, text
-- @include lib/work: spend_work

local note_bookings, note_columns

do
  -- Columns of which this call changes something.
  local touched = {}

  -- Add to the last record, where it is of the same second and position.
  local function add_delta(records, second, position, delta)
    local last = #records
    if records[last - 2] == second and records[last - 1] == position
      and math.abs(records[last] + delta) <= SUM_MAX then
      records[last] = records[last] + delta
    else
      log_record(records, second, position, delta)
    end
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

  -- What changes in a month: its records, the cells of its year and its own, where it has some.
  local function month_at(columns, label, start)
    local month = columns.months[label]
    if not month then
      local root = columns.root
      month = { records = { start = start },
        year = cells_at(columns.sets, root .. ':y:' .. string.sub(label, 1, 4)),
        cells = columns.levels.months and cells_at(columns.sets, root .. ':m:' .. label) or {} }
      columns.months[label], touched[columns] = month, true
    end
    return month
  end

  local function set_newest(columns, position, second)
    cells_at(columns.sets, columns.root .. ':newest')[position] = second
  end

  -- Take what changed in a month of an owner's thing.
  local function note_month(columns, uid, changed)
    local prefix, label = changed.prefix, changed.unit.label
    local position, count = position_of(columns, prefix, uid), 0
    local month = month_at(columns, label, changed.unit.start)
    for at = 1, #changed.changes do
      local change = changed.changes[at]
      count = count + (change[5] ~= 0 and 1 or 0) - (change[4] ~= 0 and 1 or 0)
      add_change(month.records, position, change)
    end
    spend_work(#changed.changes)
    local hash = hashes[prefix .. ':y']
    month.year[position] = hash.buckets[string.sub(label, 1, 4)].sum
    month.cells[position] = changed.total.sum
    if count ~= 0 then add_to_cell(columns, columns.root .. ':count', position, count) end
    if hash.is_newest_dirty and not hash.finds_newest then
      set_newest(columns, position, hash.newest)
    end
  end

  -- Take bookings of an owner's thing that are in no hash of lib/cells: of each its second, its
  -- value, and the sums of its year and its month with it. `at` is that field of the year hash, and
  -- `newest_second` the thing's newest where they have changed it. Answers what `at` is from now
  -- on; nil where it stays as it is.
  function note_bookings(prefix, at, bookings, newest_second)
    local columns, uid = columns_of(prefix)
    if not columns then return nil end
    local position, is_new = position_at(columns, prefix, uid, at)
    for slot = 1, #bookings, 4 do
      local second = bookings[slot]
      local day = day_of(second)
      local month = month_at(columns, day.month_label, day.month_start)
      add_delta(month.records, second, position, bookings[slot + 1])
      month.year[position], month.cells[position] = bookings[slot + 2], bookings[slot + 3]
    end
    spend_work(#bookings / 4)
    add_to_cell(columns, columns.root .. ':count', position, #bookings / 4)
    if newest_second then set_newest(columns, position, newest_second) end
    return is_new and text(position) or nil
  end

  -- Note what is to be written of all that apply_changes has put into the leaves, and of what was
  -- booked straight.
  function note_columns()
    for _, month in ipairs(pending_months) do
      local columns, uid = columns_of(month.prefix)
      if columns then note_month(columns, uid, month) end
    end
    for columns in pairs(touched) do write_columns(columns) end
  end
end
