-- Noted totals: one booking more in all totals of an owner's thing, each hash read and noted to be
-- written in one step. Several are for lib/gathered_totals. A function answers nil where a total
-- could pass the bound, or where what an atid has becomes 0, which is no field.
--   373 of atid 0 in April 2016: HMGET psd:{p0}:7:1:m:2016 4 4:0, then HSET of it 4 373 4:0 373
-- @include lib/calendar: ISSUANCE_OFFSET_S, day_of
-- @include lib/cells: hash_at, new_bucket, new_part, take_activities
-- @include lib/numbers: SUM_MAX
-- @include lib/totals: read_total, total_of_text
-- @include lib/writes: keep, writes, keep_for

local read_year, hand_over_year, add_to_year, note_position, add_below_year

do
  local format = string.format

  local function note(key, lifetime, command)
    writes[#writes + 1] = command
    if lifetime ~= 0 then keep_for(key, lifetime) end
  end

  -- A bucket's value with a booking more, the number of its bookings, and their sum as a text.
  local function with_booking(value, booking)
    if not value then
      local sum_text = format('%d', booking)
      return sum_text, 1, sum_text
    end
    local sum, count = read_total(value)
    sum, count = sum + booking, count + 1
    if not (sum <= SUM_MAX and sum >= -SUM_MAX) then return nil end
    local sum_text = format('%d', sum)
    return total_of_text(sum_text, count), count, sum_text
  end

  -- The same of what one atid has in it.
  local function part_with_booking(value, booking)
    if not value then return format('%d', booking) end
    local sum = value + booking
    if sum ~= 0 and sum <= SUM_MAX and sum >= -SUM_MAX then return format('%d', sum) end
    return nil
  end

  -- Add to a bucket and its part of an atid, which stand in one hash; number and sum (a text) of
  -- its bookings.
  local function add_with_part(key, lifetime, field, part_field, booking)
    local values = redis.call('HMGET', key, field, part_field)
    local total, count, sum_text = with_booking(values[1], booking)
    local part = part_with_booking(values[2], booking)
    if not (total and part) then return nil end
    note(key, lifetime, { 'HSET', key, field, total, part_field, part })
    return count, sum_text
  end

  -- Add to a day and to its part of an atid, which stand in two hashes; the number of its bookings.
  local function add_to_day(key, date, typed, booking)
    local parts_key, field = key .. ':t', date .. typed
    local total, count = with_booking(redis.call('HGET', key, date), booking)
    local part = part_with_booking(redis.call('HGET', parts_key, field), booking)
    if not (total and part) then return nil end
    note(key, keep.day, { 'HSET', key, date, total })
    note(parts_key, keep.day, { 'HSET', parts_key, field, part })
    return count
  end

  local function add_to_weeks(prefix, day, issued, typed, booking)
    local key, week, issuance = prefix .. day.week_suffix, day.week_field, issued.issuance_field
    local week_part, issuance_part = week .. typed, issuance .. typed
    if issued.week_suffix ~= day.week_suffix then
      return add_with_part(key, keep.week, week, week_part, booking)
        and add_with_part(prefix .. issued.week_suffix, keep.week, issuance, issuance_part, booking)
    end
    local values = redis.call('HMGET', key, week, week_part, issuance, issuance_part)
    local total, part = with_booking(values[1], booking), part_with_booking(values[2], booking)
    local issued_total = with_booking(values[3], booking)
    local issued_part = part_with_booking(values[4], booking)
    if not (total and part and issued_total and issued_part) then return nil end
    note(key, keep.week, { 'HSET', key, week, total, week_part, part, issuance, issued_total,
      issuance_part, issued_part })
    return true
  end

  -- The hash of a thing's years, what was read of it, and the command that writes it.
  local year_key, year_values, year_command

  -- What the hash of years tells of the activities, with the year of the booking: the values of
  -- their number, of the newest second and of the position in columns.
  function read_year(prefix, field, part_field)
    year_key = prefix .. ':y'
    year_values = redis.call('HMGET', year_key, 'activities', 'newest', 'at', field, part_field)
    return year_values[1], year_values[2], year_values[3]
  end

  -- What was read is for whoever books in another way.
  function hand_over_year(field, part_field)
    local hash = hash_at(year_key, keep.year)
    take_activities(hash, year_values[1], year_values[2], year_values[3])
    new_bucket(hash, field, year_values[4])
    new_part(hash, part_field, year_values[5])
  end

  -- Add to the year; there are so many activities then, and this is the newest second, as texts.
  -- Number and sum (a text) of its bookings.
  function add_to_year(field, part_field, booking, activities, newest_second)
    local total, count, sum_text = with_booking(year_values[4], booking)
    local part = part_with_booking(year_values[5], booking)
    if not (total and part) then return nil end
    year_command = { 'HSET', year_key, 'activities', activities, 'newest', newest_second, field,
      total, part_field, part }
    note(year_key, keep.year, year_command)
    return count, sum_text
  end

  -- Keep the position in columns with what is noted of the year.
  function note_position(position)
    year_command[11], year_command[12] = 'at', position
  end

  -- Add to the month, the day and the weeks: the numbers of bookings of the first two, and the sum
  -- of the month's as a text.
  function add_below_year(prefix, day, second, typed, booking)
    local month = day.month_field
    local in_month, month_text = add_with_part(prefix .. day.month_suffix, keep.month, month,
      month .. typed, booking)
    local in_day = in_month and add_to_day(prefix .. day.day_suffix, day.date_field, typed, booking)
    if in_day
      and add_to_weeks(prefix, day, day_of(second - ISSUANCE_OFFSET_S), typed, booking) then
      return in_month, in_day, month_text
    end
    return nil
  end
end
