-- Column writes: what a call has noted of one partition's and thing's columns, as commands. A
-- month's log takes the first bookings, as many as it may; what comes after is in its day's log,
-- then in its hour's, and the day's column sums those. Everything is read and checked, and only
-- noted to be written.
-- @include lib/column_places: column_length
-- @include lib/calendar: day_of
-- @include lib/numbers: SUM_MAX, text
-- @include lib/work: spend_work
-- @include lib/writes: write

local cells_at, add_to_cell, log_record, write_columns

do
  local MONTH_RECORDS_MIN, DAY_RECORDS_MIN = 1024, 256
  local RECORD_BYTES = 16

  function cells_at(cells, key)
    local found = cells[key]
    if not found then
      column_length(key)
      found = {}
      cells[key] = found
    end
    return found
  end

  -- A difference of a cell; what doubles would not hold exactly is written by itself.
  function add_to_cell(columns, key, position, delta)
    local cells = cells_at(columns.sums, key)
    local sum = (cells[position] or 0) + delta
    if sum > SUM_MAX or sum < -SUM_MAX then
      write('BITFIELD', key, 'INCRBY', 'i64', '#' .. position, text(delta))
    else
      cells[position] = sum
    end
  end

  function log_record(records, second, position, delta)
    if delta == 0 then return end
    local at = #records
    records[at + 1], records[at + 2], records[at + 3] = second, position, delta
  end

  local function records_at(list, key, start)
    local found = list[key]
    if not found then
      found = { start = start }
      list[key] = found
    end
    return found
  end

  local function append(key, records)
    local parts, number, pack, start = {}, 0, struct.pack, records.start
    if column_length(key) % RECORD_BYTES ~= 0 then error(key .. ' ends within a record') end
    for at = 1, #records, 3 do
      number = number + 1
      parts[number] = pack('<I4I4i8', records[at] - start, records[at + 1], records[at + 2])
    end
    spend_work(number / 2)
    if number > 0 then write('APPEND', key, table.concat(parts)) end
  end

  -- Records by the unit below that holds them; `unit_of` tells its label and first second.
  local function below(records, unit_of)
    local units = {}
    for at = 1, #records, 3 do
      local label, start = unit_of(records[at])
      log_record(records_at(units, label, start), records[at], records[at + 1], records[at + 2])
    end
    return units
  end

  local function day_unit(second)
    local day = day_of(second)
    return day.label, day.start
  end

  local function hour_unit(second)
    local day = day_of(second)
    local hour = math.floor((second - day.start) / 3600)
    return day.label .. string.format('%02d', hour), day.start + hour * 3600
  end

  local function add_day(columns, label, records)
    for at = 1, #records, 3 do
      add_to_cell(columns, columns.root .. ':d:' .. label, records[at + 1], records[at + 2])
    end
  end

  local function note_day(columns, label, records)
    local log, records_max = columns.root .. ':l:', math.max(DAY_RECORDS_MIN, columns.owners / 2)
    add_day(columns, label, records)
    if column_length(log .. label) < records_max * RECORD_BYTES then
      append(log .. label, records)
    else
      for hour, of_hour in pairs(below(records, hour_unit)) do append(log .. hour, of_hour) end
    end
  end

  local function note_records(columns, label, records)
    local log, records_max = columns.root .. ':l:', math.max(MONTH_RECORDS_MIN, 2 * columns.owners)
    if columns.levels.days then
      for day, of_day in pairs(below(records, day_unit)) do add_day(columns, day, of_day) end
    elseif not columns.levels.logs then
      return
    elseif column_length(log .. label) < records_max * RECORD_BYTES then
      append(log .. label, records)
    else
      for day, of_day in pairs(below(records, day_unit)) do note_day(columns, day, of_day) end
    end
  end

  local function write_cells(verb, list)
    for key, cells in pairs(list) do
      local command, at = { 'BITFIELD', key }, 2
      for position, number in pairs(cells) do
        command[at + 1], command[at + 2] = verb, 'i64'
        command[at + 3], command[at + 4] = '#' .. position, text(number)
        at = at + 4
        if at > 990 then
          write(unpack(command, 1, at))
          at = 2
        end
      end
      if at > 2 then write(unpack(command, 1, at)) end
    end
  end

  -- Note what is to be written of a partition's and thing's columns.
  function write_columns(columns)
    for label, month in pairs(columns.months) do note_records(columns, label, month.records) end
    local added = columns.added
    if #added > 0 then write('APPEND', columns.root .. ':owners', table.concat(added)) end
    write_cells('SET', columns.sets)
    write_cells('INCRBY', columns.sums)
    write('SET', columns.root .. ':changes', text(columns.changes + 1))
  end
end
