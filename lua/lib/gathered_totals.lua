-- Gathered totals: what several bookings of an owner's thing add to all of its totals, by hash and
-- bucket, so that each total is read and written as a text once, however many bookings it gets.
-- All are lists that are searched from their end, because a table with names costs Lua five times
-- as much as one of as many places:
--   hash    { suffix, key, lifetime, buckets, key of parts, command, command of parts, values };
--           only days have a key of parts, and the rest is for lib/gathered_writes
--   bucket  { field, sum, number, number before, sum of all as a text, its last place }, and behind
--           these by turns an atid as in ":7" and its sum
--   day     { day, bucket of its year, of its month, its own, of its ISO week, leaf }
--   373 and 27 of atid 0 in April 2016: in :m:2016 { '4', 400, 2, 0, false, 8, ':0', 400 }
-- @include lib/calendar: ISSUANCE_OFFSET_S, day_of
-- @include lib/ids: id_text
-- @include lib/writes: keep

local gather_totals

do
  local function add(bucket, typed, booking)
    local last = bucket[6]
    bucket[2], bucket[3] = bucket[2] + booking, bucket[3] + 1
    for at = 7, last, 2 do
      if bucket[at] == typed then
        bucket[at + 1] = bucket[at + 1] + booking
        return
      end
    end
    bucket[last + 1], bucket[last + 2], bucket[6] = typed, booking, last + 2
  end

  local function first_bucket(field, typed, booking)
    return { field, booking, 1, 0, false, 8, typed, booking, nil, nil, nil, nil }
  end

  -- Add to a bucket of a hash, and answer it.
  local function add_to_hash(hash, field, typed, booking)
    local buckets = hash[4]
    for at = #buckets, 1, -1 do
      local bucket = buckets[at]
      if bucket[1] == field then
        add(bucket, typed, booking)
        return bucket
      end
    end
    local bucket = first_bucket(field, typed, booking)
    buckets[#buckets + 1] = bucket
    return bucket
  end

  -- The same of the hash whose key ends so.
  local function add_to(totals, suffix, lifetime, field, typed, booking)
    local hashes = totals.hashes
    for at = #hashes, 1, -1 do
      if hashes[at][1] == suffix then return add_to_hash(hashes[at], field, typed, booking) end
    end
    local key, bucket = totals.prefix .. suffix, first_bucket(field, typed, booking)
    local parts_key = string.find(suffix, ':d:', 1, true) and key .. ':t' or false
    hashes[#hashes + 1] = { suffix, key, lifetime, { bucket }, parts_key, false, false, false }
    return bucket
  end

  -- Add to the buckets of a day.
  local function add_day(totals, day, typed, booking)
    return { day, add_to(totals, ':y', keep.year, day.year_field, typed, booking),
      add_to(totals, day.month_suffix, keep.month, day.month_field, typed, booking),
      add_to(totals, day.day_suffix, keep.day, day.date_field, typed, booking),
      add_to(totals, day.week_suffix, keep.week, day.week_field, typed, booking), false }
  end

  -- What reports add to the totals of an owner's thing; `days` has the buckets of the day of each,
  -- by position, and `size` what they come to, their signs left out. The years are the first hash.
  function gather_totals(prefix, reports)
    local days, size = {}, 0
    local totals = { prefix = prefix, hashes = { nil, nil, nil, nil }, days = days, size = 0 }
    local buckets, issuance, day, issued
    for at = 1, #reports do
      local report = reports[at]
      local second, booking, typed = report[6], report[4], ':' .. id_text(report[2])
      local day_before, issued_before = day, issued
      day, issued = day_of(second), day_of(second - ISSUANCE_OFFSET_S)
      if day == day_before then
        for bucket = 2, 5 do add(buckets[bucket], typed, booking) end
      else
        buckets = add_day(totals, day, typed, booking)
      end
      if issued == issued_before then
        add(issuance, typed, booking)
      else
        issuance = add_to(totals, issued.week_suffix, keep.week, issued.issuance_field, typed,
          booking)
      end
      days[at], size = buckets, size + (booking < 0 and -booking or booking)
    end
    totals.size = size
    return totals
  end
end
