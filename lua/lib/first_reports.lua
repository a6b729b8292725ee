-- First reports: reports of new activities of an owner's thing, one of each, which is what most
-- calls are made of. Such a report meets nothing but totals and leaves, and is booked straight: no
-- activity is read in, and each hash is read and noted in one step. Whatever is not as plain is for
-- lib/book_report, which leaves the same bytes; then nothing of the reports stays noted.
-- @include lib/noted_totals: begin_notes, read_year, hand_over_year, note_position
-- @include lib/noted_totals: add_to_year, add_below_year
-- @include lib/columns: note_bookings
-- @include lib/activity: hand_over_activity
-- @include lib/calendar: day_of
-- @include lib/cells: activity_count, newest_of
-- @include lib/ids: id_text
-- @include lib/leaf_merge: write_leaf_changes, write_new_record
-- @include lib/numbers: SUM_MAX, text
-- @include lib/shards: shard_count, shard_of, shard_key, grow_shards
-- @include lib/units: LEAF_RECORDS
-- @include lib/writes: keep, writes, forget_writes, write_command, keep_for

local book_first_reports

do
  -- Changes by the key of their leaf, as { start, changes }; nil where only one report is booked.
  local leaves = nil
  -- What columns keep of the reports, as note_bookings takes it.
  local bookings

  -- Whether no activity of the reports is known; what is found of one is handed over.
  local function are_new(prefix, reports, shards)
    for at = 1, #reports do
      local aid = reports[at][3]
      local held = redis.call('HGET', shard_key(prefix, shard_of(aid, shards)), aid)
      if held then
        hand_over_activity(prefix, aid, held)
        return false
      end
    end
    return true
  end

  -- What is told of the thing's activities: their number and the newest second, counted on while
  -- reports are booked, the number of shards, and the position in columns. nil where the activities
  -- are not all new: then what was read is handed over.
  local function look_at_activities(prefix, reports)
    local first = reports[1]
    local field = day_of(first[6]).year_field
    local part_field = field .. ':' .. id_text(first[2])
    local count, newest_second, position = read_year(prefix, field, part_field)
    count = activity_count(count)
    newest_second = newest_of(newest_second, count)
    local shards = shard_count(count)
    if newest_second and are_new(prefix, reports, shards) then
      return count, newest_second, shards, position
    end
    hand_over_year(field, part_field)
    return nil
  end

  -- Note what is kept of the activities, in so many shards. Those of one shard are one command.
  local function note_activities(prefix, reports, shards)
    local commands = {}
    for at = 1, #reports do
      local report = reports[at]
      local key = shard_key(prefix, shard_of(report[3], shards))
      local packed = cmsgpack.pack(report[6], report[6] - report[5], report[2], report[4])
      local command = commands[key]
      local size = command and #command or math.huge
      if size <= 1000 then
        command[size + 1], command[size + 2] = report[3], packed
      else
        command = { 'HSET', key, report[3], packed }
        commands[key] = command
        write_command(command)
        if keep.activity ~= 0 then keep_for(key, keep.activity) end
      end
    end
  end

  -- Note the record of the leaf; false where it is to be split, or the day is.
  local function add_record(prefix, day, in_month, in_day, report)
    local label, start = day.month_label, day.month_start
    if in_month > LEAF_RECORDS.month then
      if in_month == LEAF_RECORDS.month + 1 or in_day > LEAF_RECORDS.day then return false end
      label, start = day.label, day.start
    end
    local key = prefix .. ':l:' .. label
    if not leaves then
      write_new_record(key, start, report[6], report[2], report[3], report[4])
      return true
    end
    local leaf = leaves[key]
    if not leaf then
      leaf = { start, {} }
      leaves[key] = leaf
    end
    leaf[2][#leaf[2] + 1] = { report[6], report[2], report[3], 0, report[4] }
    return true
  end

  -- Book one; there are so many activities then, and this is the newest second as a text.
  local function add_report(prefix, report, activities, newest_text)
    local second, booking, typed = report[6], report[4], ':' .. id_text(report[2])
    local day = day_of(second)
    local year = day.year_field
    local in_year, year_text =
      add_to_year(year, year .. typed, booking, text(activities), newest_text)
    if not in_year then return false end
    local in_month, in_day, month_text = add_below_year(prefix, day, second, typed, booking)
    local slot = #bookings
    bookings[slot + 1], bookings[slot + 2], bookings[slot + 3] = day, second, booking
    bookings[slot + 4], bookings[slot + 5] = year_text, month_text
    return in_month and add_record(prefix, day, in_month, in_day, report)
  end

  -- Whether they could be first reports, as far as they tell themselves.
  local function look_first(reports)
    local seen = #reports > 1 and {}
    for at = 1, #reports do
      local report = reports[at]
      local aid, value = report[3], report[4]
      if report[7] or value == 0 or value > SUM_MAX or value < -SUM_MAX or (seen and seen[aid]) then
        return false
      end
      if seen then seen[aid] = true end
    end
    return true
  end

  -- Book the reports of an owner's thing, or answer false and have noted nothing.
  function book_first_reports(prefix, reports)
    if not look_first(reports) then return false end
    local count, newest_before, shards, position = look_at_activities(prefix, reports)
    if not count then return false end
    begin_notes(#reports)
    leaves, bookings = #reports > 1 and {} or nil, {}
    local before, newest_second, newest_text = #writes, newest_before, text(newest_before)
    for at = 1, #reports do
      local report = reports[at]
      if report[6] > newest_second then
        newest_second, newest_text = report[6], text(report[6])
      end
      if not add_report(prefix, report, count + at, newest_text) then
        forget_writes(before)
        return false
      end
    end
    local shards_after = shard_count(count + #reports)
    if shards_after ~= shards then grow_shards(prefix, shards, shards_after) end
    note_activities(prefix, reports, shards_after)
    for key, leaf in pairs(leaves or {}) do write_leaf_changes(key, leaf[1], leaf[2]) end
    local given = note_bookings(prefix, reports[1][1], position, bookings,
      newest_second > newest_before and newest_text)
    if given then note_position(given) end
    return true
  end
end
