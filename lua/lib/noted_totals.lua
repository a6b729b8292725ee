-- Noted totals: one booking more in all totals of an owner's thing, each hash read and noted to be
-- written in one step. Of several reports that are booked so, the notes of one hash stay one
-- command, and what it sets is known without Redis. A function answers nil where a total could
-- pass the bound, or where what an atid has becomes 0, which is no field.
--   373 of atid 0 in April 2016: HMGET psd:{p0}:7:1:m:2016 4 4:0, then HSET of it 4 373 4:0 373
-- @include lib/calendar: ISSUANCE_OFFSET_S, day_of
-- @include lib/cells: hash_at, new_bucket, new_part, take_activities
-- @include lib/numbers: SUM_MAX, text
-- @include lib/totals: read_total, total_of_text
-- @include lib/writes: keep, write_command, keep_for

local begin_notes, read_year, hand_over_year, add_to_year, note_position, add_below_year

do
  -- Commands and where they have the values of fields, by their key; nil where only one report is
  -- booked.
  local noted = nil

  function begin_notes(reports)
    noted = reports > 1 and {} or nil
  end

  local function note(key, lifetime, command)
    if noted then
      local places = {}
      for at = 4, #command, 2 do places[command[at - 1]] = at end
      noted[key] = { command = command, places = places }
    end
    write_command(command)
    if lifetime ~= 0 then keep_for(key, lifetime) end
  end

  local function set_noted(hash, field, value)
    local command, place = hash.command, hash.places[field]
    if not place then
      place = #command + 2
      command[place - 1], hash.places[field] = field, place
    end
    command[place] = value
  end

  -- A bucket's value with a booking more, the number of its bookings, and their sum as a text.
  local function with_booking(value, booking)
    if not value then
      local sum_text = text(booking)
      return sum_text, 1, sum_text
    end
    local sum, count = read_total(value)
    sum, count = sum + booking, count + 1
    if not (sum <= SUM_MAX and sum >= -SUM_MAX) then return nil end
    local sum_text = text(sum)
    return total_of_text(sum_text, count), count, sum_text
  end

  -- The same of what one atid has in it.
  local function part_with_booking(value, booking)
    if not value then return text(booking) end
    local sum = tonumber(value) + booking
    if sum ~= 0 and sum <= SUM_MAX and sum >= -SUM_MAX then return text(sum) end
    return nil
  end

  -- Add to a hash of which something is noted; number and sum (a text) of its bucket's bookings.
  local function add_to_noted(hash, field, part_field, booking)
    local command = hash.command
    local place, part_place = hash.places[field], hash.places[part_field]
    local value, part_value = place and command[place], part_place and command[part_place]
    if place and not part_place then
      part_value = redis.call('HGET', command[2], part_field)
    elseif not place then
      local values = redis.call('HMGET', command[2], field, part_field)
      value, part_value = values[1], part_value or values[2]
    end
    local total, count, sum_text = with_booking(value, booking)
    local part = part_with_booking(part_value, booking)
    if not (total and part) then return nil end
    set_noted(hash, field, total)
    set_noted(hash, part_field, part)
    return count, sum_text
  end

  -- Add to a bucket and its part of an atid, which stand in one hash; number and sum (a text) of
  -- its bookings.
  local function add_with_part(key, lifetime, field, part_field, booking)
    local hash = noted and noted[key]
    if hash then return add_to_noted(hash, field, part_field, booking) end
    local values = redis.call('HMGET', key, field, part_field)
    local total, count, sum_text = with_booking(values[1], booking)
    local part = part_with_booking(values[2], booking)
    if not (total and part) then return nil end
    note(key, lifetime, { 'HSET', key, field, total, part_field, part })
    return count, sum_text
  end

  -- Add to the one field of a hash of a month's days, or of their parts.
  local function add_alone(key, field, with, booking)
    local hash = noted and noted[key]
    local place = hash and hash.places[field]
    local value = place and hash.command[place] or redis.call('HGET', key, field)
    local after, count = with(value, booking)
    if not after then return nil end
    if hash then
      set_noted(hash, field, after)
    else
      note(key, keep.day, { 'HSET', key, field, after })
    end
    return count or true
  end

  local function add_to_weeks(prefix, day, issued, typed, booking)
    local key, week, issuance = prefix .. day.week_suffix, day.week_field, issued.issuance_field
    local week_part, issuance_part = week .. typed, issuance .. typed
    if issued.week_suffix ~= day.week_suffix or (noted and noted[key]) then
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

  -- What the hash of years tells of the activities, with the year of the first booking: the values
  -- of their number, of the newest second and of the position in columns.
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

  -- Add to a year; there are so many activities then, and this is the newest second, as texts.
  -- Number and sum (a text) of its bookings.
  function add_to_year(field, part_field, booking, activities, newest_second)
    local hash = noted and noted[year_key]
    if hash then
      hash.command[4], hash.command[6] = activities, newest_second
      return add_to_noted(hash, field, part_field, booking)
    end
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
    local size = #year_command
    year_command[size + 1], year_command[size + 2] = 'at', position
  end

  -- Add to the month, the day and the weeks: the numbers of bookings of the first two, and the sum
  -- of the month's as a text.
  function add_below_year(prefix, day, second, typed, booking)
    local month, date, day_key = day.month_field, day.date_field, prefix .. day.day_suffix
    local in_month, month_text = add_with_part(prefix .. day.month_suffix, keep.month, month,
      month .. typed, booking)
    local in_day = in_month and add_alone(day_key, date, with_booking, booking)
    if in_day and add_alone(day_key .. ':t', date .. typed, part_with_booking, booking)
      and add_to_weeks(prefix, day, day_of(second - ISSUANCE_OFFSET_S), typed, booking) then
      return in_month, in_day, month_text
    end
    return nil
  end
end
