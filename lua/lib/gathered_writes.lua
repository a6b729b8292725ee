-- Gathered writes: what lib/gathered_totals has gathered, added to what the hashes hold. Each is
-- read once, and nothing is noted before all of it fits: no total may pass the bound, and what an
-- atid has may not become 0, which is no field.
--   HMGET psd:{p0}:7:1:m:2016 4 4:0, then HSET of it 4 400:2 4:0 400
-- @include lib/cells: hash_at, new_bucket, new_part, take_activities
-- @include lib/numbers: SUM_MAX, text
-- @include lib/totals: read_total, total_of_text
-- @include lib/writes: keep, write_command, keep_for

local read_years, hand_over_years, read_totals, note_totals

do
  local function part_fields(fields, bucket)
    local size, field = #fields, bucket.field
    for at = 1, #bucket do fields[size + at] = field .. bucket[at] end
  end

  -- Read a hash, some fields of it first; of days the parts stand apart.
  local function read_hash(hash, first)
    local fields = first or {}
    for at = 1, #hash do
      fields[#fields + 1] = hash[at].field
      if not hash.parts_key then part_fields(fields, hash[at]) end
    end
    hash.fields, hash.values = fields, redis.call('HMGET', hash.key, unpack(fields))
  end

  -- What the hash of years tells of the activities: the values of their number, of the newest
  -- second and of the position in columns.
  function read_years(totals)
    local years = totals.years
    read_hash(years, { 'activities', 'newest', 'at' })
    return years.values[1], years.values[2], years.values[3]
  end

  -- What was read of years is for whoever books in another way.
  function hand_over_years(totals)
    local years = totals.years
    local hash, values, slot = hash_at(years.key, keep.year), years.values, 3
    take_activities(hash, values[1], values[2], values[3])
    for at = 1, #years do
      slot = slot + 1
      new_bucket(hash, years.fields[slot], values[slot])
      for _ = 1, #years[at] do
        slot = slot + 1
        new_part(hash, years.fields[slot], values[slot])
      end
    end
  end

  -- Add a bucket to what its hash has; answers its value, nil where that could pass the bound.
  local function bucket_value(bucket, value, size)
    if not value then
      bucket.sum_text = text(bucket.sum)
      return total_of_text(bucket.sum_text, bucket.count)
    end
    local sum, count = read_total(value)
    if not (sum + size <= SUM_MAX and sum - size >= -SUM_MAX) then return nil end
    bucket.sum_text, bucket.before = text(sum + bucket.sum), count
    return total_of_text(bucket.sum_text, count + bucket.count)
  end

  -- The same of what each atid has in it; false also where that becomes 0, which is no field.
  local function add_parts(command, bucket, fields, values, slot, size)
    local at = #command
    for number = 1, #bucket do
      local value, sum = values[slot + number], bucket[bucket[number]]
      if value then
        local before = tonumber(value)
        if not (before + size <= SUM_MAX and before - size >= -SUM_MAX) then return false end
        sum = before + sum
      end
      if sum == 0 then return false end
      command[at + 1], command[at + 2], at = fields[slot + number], text(sum), at + 2
    end
    return true
  end

  -- Add to years, months or weeks: buckets and parts in one hash.
  local function add_joined(hash, size)
    if not hash.values then read_hash(hash) end
    local fields, values, command = hash.fields, hash.values, { 'HSET', hash.key }
    local slot = #fields
    for at = 1, #hash do slot = slot - 1 - #hash[at] end
    for at = 1, #hash do
      local bucket = hash[at]
      local value = bucket_value(bucket, values[slot + 1], size)
      if not value then return false end
      command[#command + 1], command[#command + 2] = bucket.field, value
      if not add_parts(command, bucket, fields, values, slot + 1, size) then return false end
      slot = slot + 1 + #bucket
    end
    hash.command = command
    return true
  end

  -- Add to days, and to their parts in a hash beside.
  local function add_days(days, size)
    read_hash(days)
    local values, command, fields = days.values, { 'HSET', days.key }, {}
    for at = 1, #days do
      local value = bucket_value(days[at], values[at], size)
      if not value then return false end
      command[2 * at + 1], command[2 * at + 2] = days[at].field, value
      part_fields(fields, days[at])
    end
    local parts_command, slot = { 'HSET', days.parts_key }, 0
    values = redis.call('HMGET', days.parts_key, unpack(fields))
    for at = 1, #days do
      if not add_parts(parts_command, days[at], fields, values, slot, size) then return false end
      slot = slot + #days[at]
    end
    days.command, days.parts_command = command, parts_command
    return true
  end

  -- Read all totals below the years and add to them; false where one is not as plain. Of each
  -- bucket `before` is then how many bookings it had, and `sum_text` what all of them come to.
  function read_totals(totals)
    local size = totals.size
    if size > SUM_MAX then return false end
    for at = 1, #totals do
      local hash = totals[at]
      local adds = hash.parts_key and add_days or add_joined
      if not adds(hash, size) then return false end
    end
    return true
  end

  -- Note all that is to be written: so many activities then, the newest second, and the position
  -- in columns where it is given now; as texts.
  function note_totals(totals, activities, newest_second, position)
    local year_command = totals.years.command
    local size = #year_command
    year_command[size + 1], year_command[size + 2] = 'activities', activities
    year_command[size + 3], year_command[size + 4] = 'newest', newest_second
    if position then year_command[size + 5], year_command[size + 6] = 'at', position end
    for at = 1, #totals do
      local hash = totals[at]
      write_command(hash.command)
      if hash.parts_command then write_command(hash.parts_command) end
      if hash.lifetime ~= 0 then
        keep_for(hash.key, hash.lifetime)
        if hash.parts_key then keep_for(hash.parts_key, hash.lifetime) end
      end
    end
  end
end
