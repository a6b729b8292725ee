-- First report: a single report of an owner's thing in a call, of a new activity. It is booked
-- straight, hash by hash (lib/noted_totals); several are for lib/first_reports. Whatever is not as
-- plain is for lib/book_report, which leaves the same bytes; then nothing of it stays noted.
-- @include lib/noted_totals: read_year, hand_over_year, note_position, add_to_year, add_below_year
-- @include lib/columns: note_booking
-- @include lib/activity: hand_over_activity
-- @include lib/calendar: day_of
-- @include lib/cells: activity_count, newest_of
-- @include lib/ids: id_text
-- @include lib/leaf_merge: write_new_record
-- @include lib/numbers: SUM_MAX, text
-- @include lib/shards: SHARD_ACTIVITIES, shard_count, shard_of, shard_key, grow_shards
-- @include lib/units: LEAF_RECORDS
-- @include lib/writes: writes, forget_writes, write_command, keep_at

local book_first_report

do
  -- The number of activities, the newest second, the position in columns and the key of the
  -- activity's shard; nil where it is not new: then what was read is handed over.
  local function look_at_activities(prefix, aid, field, part_field)
    local count, newest_second, position = read_year(prefix, field, part_field)
    count = activity_count(count)
    newest_second = newest_of(newest_second, count)
    local key = shard_key(prefix, shard_of(aid, shard_count(count)))
    local held = newest_second and redis.call('HGET', key, aid)
    if newest_second and not held then return count, newest_second, position, key end
    if held then hand_over_activity(prefix, aid, held) end
    hand_over_year(field, part_field)
    return nil
  end

  -- Note the record of the leaf; false where it is to be split, or the day is.
  local function add_record(prefix, day, in_month, in_day, report)
    local label, start = day.month_label, day.month_start
    if in_month > LEAF_RECORDS.month then
      if in_month == LEAF_RECORDS.month + 1 or in_day > LEAF_RECORDS.day then return false end
      label, start = day.label, day.start
    end
    write_new_record(prefix .. ':l:' .. label, start, report[6], report[2], report[3], report[4])
    return true
  end

  -- Note what is kept of the activity, one more than `count`, in a shard or where it is then.
  local function note_activity(prefix, key, report, count)
    if count >= SHARD_ACTIVITIES and count % SHARD_ACTIVITIES == 0 then
      local before, shards = shard_count(count), shard_count(count + 1)
      grow_shards(prefix, before, shards)
      key = shard_key(prefix, shard_of(report[3], shards))
    end
    write_command({ 'HSET', key, report[3],
      cmsgpack.pack(report[6], report[6] - report[5], report[2], report[4]) })
    keep_at(key, 'activity')
  end

  -- Book a report, or answer false and have noted nothing.
  function book_first_report(prefix, report)
    local value, second = report[4], report[6]
    if report[7] or value == 0 or value > SUM_MAX or value < -SUM_MAX then return false end
    local day, typed = day_of(second), ':' .. id_text(report[2])
    local field = day.year_field
    local count, newest_before, position, key = look_at_activities(prefix, report[3], field,
      field .. typed)
    if not count then return false end
    local before, newest_text = #writes, text(math.max(newest_before, second))
    local in_year, year_text = add_to_year(field, field .. typed, value, text(count + 1),
      newest_text)
    local in_month, in_day, month_text
    if in_year then
      in_month, in_day, month_text = add_below_year(prefix, day, second, typed, value)
    end
    if not in_month or not add_record(prefix, day, in_month, in_day, report) then
      forget_writes(before)
      return false
    end
    note_activity(prefix, key, report, count)
    local given = note_booking(prefix, position, report, day, year_text, month_text,
      second > newest_before and newest_text)
    if given then note_position(given) end
    return true
  end
end
