-- Gathered totals: what several bookings of an owner's thing add to all of its totals, by hash and
-- bucket, so that each total is read and written as a text once, however many bookings it gets.
--   373 and 27 of atid 0 in April 2016: of :m:2016 { '4' = { ':0', sum = 400, count = 2 } }
-- @include lib/calendar: ISSUANCE_OFFSET_S, day_of
-- @include lib/ids: id_text
-- @include lib/writes: keep

local gather_totals

do
  -- A hash: its buckets in order, and by their fields.
  local function hash_of(totals, suffix, lifetime)
    local hash = totals[suffix]
    if not hash then
      hash = { key = totals.prefix .. suffix, lifetime = lifetime, values = false, command = false }
      totals[suffix], totals[#totals + 1] = hash, hash
    end
    return hash
  end

  -- What is added to one field of a hash: sum, number, its atids in order (as in ":7"), and by
  -- these the sum of each.
  local function new_bucket_of(hash, field, typed, booking)
    local bucket = { typed, field = field, sum = booking, count = 1, before = 0, sum_text = false,
      [typed] = booking }
    hash[field], hash[#hash + 1] = bucket, bucket
    return bucket
  end

  local function add(bucket, typed, booking)
    bucket.sum, bucket.count = bucket.sum + booking, bucket.count + 1
    local sum = bucket[typed]
    if sum then
      bucket[typed] = sum + booking
    else
      bucket[#bucket + 1], bucket[typed] = typed, booking
    end
  end

  local function add_to_field(hash, field, typed, booking)
    local bucket = hash[field]
    if not bucket then return new_bucket_of(hash, field, typed, booking) end
    add(bucket, typed, booking)
    return bucket
  end

  -- Add to the buckets of a day of which nothing is gathered yet: its year's, its month's, its own
  -- and its ISO week's.
  local function add_day(totals, day, typed, booking)
    local days = hash_of(totals, day.day_suffix, keep.day)
    days.parts_key = days.parts_key or days.key .. ':t'
    local months = hash_of(totals, day.month_suffix, keep.month)
    local weeks = hash_of(totals, day.week_suffix, keep.week)
    return { day = day, year = add_to_field(totals.years, day.year_field, typed, booking),
      month = add_to_field(months, day.month_field, typed, booking),
      week = add_to_field(weeks, day.week_field, typed, booking),
      date = add_to_field(days, day.date_field, typed, booking), leaf = false }
  end

  -- What reports add to the totals of an owner's thing; `days` has the buckets of the day of each,
  -- by position, and `size` what they come to, their signs left out.
  function gather_totals(prefix, reports)
    local years = { key = prefix .. ':y', lifetime = keep.year, values = false, command = false }
    local by_day, days, size = {}, {}, 0
    local totals = { years, years = years, prefix = prefix, days = days, size = 0 }
    for at = 1, #reports do
      local report = reports[at]
      local second, booking, typed = report[6], report[4], ':' .. id_text(report[2])
      local day, issued = day_of(second), day_of(second - ISSUANCE_OFFSET_S)
      local buckets = by_day[day]
      if not buckets then
        buckets = add_day(totals, day, typed, booking)
        by_day[day] = buckets
      else
        add(buckets.year, typed, booking)
        add(buckets.month, typed, booking)
        add(buckets.date, typed, booking)
        add(buckets.week, typed, booking)
      end
      local weeks = totals[issued.week_suffix] or hash_of(totals, issued.week_suffix, keep.week)
      add_to_field(weeks, issued.issuance_field, typed, booking)
      days[at], size = buckets, size + (booking < 0 and -booking or booking)
    end
    totals.size = size
    return totals
  end
end
