-- Column writes: what a call has noted of one partition's and thing's columns, as commands. A
-- month's log takes the first bookings, as many as it may; what comes after is in its day's log,
-- then in its hour's, and the day's column sums those. Everything is read and checked, and only
-- noted to be written.
-- @include lib/column_places: column_length
-- @include lib/calendar: day_of
-- @include lib/numbers: SUM_MAX, text
-- @include lib/work: spend_work
-- @include lib/writes: write, write_command

local change_cell, log_record, write_columns

do
  local MONTH_RECORDS_MIN, DAY_RECORDS_MIN = 1024, 256
  local RECORD_BYTES = 16
  -- Cells that one command changes, and records that one call of struct.pack packs.
  local COMMAND_CELLS, PACKED_RECORDS = 250, 64

  -- Note a change of one cell: the verb is SET or INCRBY, the place "#7", the value a text.
  function change_cell(columns, key, verb, place, value)
    local command = columns.cells[key]
    if not command then
      column_length(key)
      command = { 'BITFIELD', key }
      columns.cells[key] = command
    end
    local size = #command
    if size > 4 * COMMAND_CELLS then
      write_command(command)
      command, size = { 'BITFIELD', key }, 2
      columns.cells[key] = command
    end
    command[size + 1], command[size + 2] = verb, 'i64'
    command[size + 3], command[size + 4] = place, value
  end

  function log_record(records, second, position, delta)
    if delta == 0 then return end
    local at = #records
    records[at + 1], records[at + 2], records[at + 3] = second, position, delta
  end

  local record_formats = {}

  local function record_format(number)
    local format = record_formats[number]
    if not format then
      format = '<' .. string.rep('I4I4i8', number)
      record_formats[number] = format
    end
    return format
  end

  -- Append records to a log; their seconds count from its unit's first one then.
  local function append(key, records, start)
    if column_length(key) % RECORD_BYTES ~= 0 then error(key .. ' ends within a record') end
    local size, parts = #records, {}
    for at = 1, size, 3 do records[at] = records[at] - start end
    for from = 1, size, 3 * PACKED_RECORDS do
      local to = math.min(from + 3 * PACKED_RECORDS - 1, size)
      parts[#parts + 1] =
        struct.pack(record_format((to - from + 1) / 3), unpack(records, from, to))
    end
    spend_work(size / 6)
    if size > 0 then write('APPEND', key, table.concat(parts)) end
  end

  -- Records by the unit below that holds them, as { label, start, records }; `unit_of` tells its
  -- label, first second and length. Mostly the one before has a record too.
  local function below(records, unit_of)
    local units, order, unit, stop = {}, {}, nil, -1
    for at = 1, #records, 3 do
      local second = records[at]
      if second >= stop or second < unit.start then
        local label, start, length = unit_of(second)
        unit, stop = units[label], start + length
        if not unit then
          unit = { label = label, start = start, records = {} }
          units[label], order[#order + 1] = unit, unit
        end
      end
      log_record(unit.records, second, records[at + 1], records[at + 2])
    end
    return order
  end

  local function day_unit(second)
    local day = day_of(second)
    return day.label, day.start, 86400
  end

  local function hour_unit(second)
    local day = day_of(second)
    local hour = math.floor((second - day.start) / 3600)
    return day.label .. string.format('%02d', hour), day.start + hour * 3600, 3600
  end

  -- Add the records of a day to its column, those of one owner at once as far as doubles are
  -- exact.
  local function add_day(columns, unit)
    local key, sums, records = columns.root .. ':d:' .. unit.label, {}, unit.records
    for at = 1, #records, 3 do
      local position, delta = records[at + 1], records[at + 2]
      local sum = (sums[position] or 0) + delta
      if sum > SUM_MAX or sum < -SUM_MAX then
        change_cell(columns, key, 'INCRBY', '#' .. position, text(delta))
      else
        sums[position] = sum
      end
    end
    for position, sum in pairs(sums) do
      change_cell(columns, key, 'INCRBY', '#' .. position, text(sum))
    end
  end

  local function note_day(columns, unit)
    local log, records_max = columns.root .. ':l:', math.max(DAY_RECORDS_MIN, columns.owners / 2)
    add_day(columns, unit)
    if column_length(log .. unit.label) < records_max * RECORD_BYTES then
      append(log .. unit.label, unit.records, unit.start)
    else
      for _, hour in ipairs(below(unit.records, hour_unit)) do
        append(log .. hour.label, hour.records, hour.start)
      end
    end
  end

  local function note_records(columns, label, month)
    local log, records_max = columns.root .. ':l:', math.max(MONTH_RECORDS_MIN, 2 * columns.owners)
    if columns.levels.days then
      for _, day in ipairs(below(month.records, day_unit)) do add_day(columns, day) end
    elseif not columns.levels.logs then
      return
    elseif column_length(log .. label) < records_max * RECORD_BYTES then
      append(log .. label, month.records, month.start)
    else
      for _, day in ipairs(below(month.records, day_unit)) do note_day(columns, day) end
    end
  end

  -- Note what is to be written of a partition's and thing's columns.
  function write_columns(columns)
    for label, month in pairs(columns.months) do note_records(columns, label, month) end
    local added = columns.added
    if #added > 0 then write('APPEND', columns.root .. ':owners', table.concat(added)) end
    for _, command in pairs(columns.cells) do write_command(command) end
    write('SET', columns.root .. ':changes', text(columns.changes + 1))
  end
end
