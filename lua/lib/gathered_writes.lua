-- Gathered writes: what lib/gathered_totals has gathered, added to what the hashes hold. Each is
-- read once, and nothing is noted before all of it fits: no total may pass the bound, and what an
-- atid has may not become 0, which is no field.
--   HMGET psd:{p0}:7:1:m:2016 4 4:0, then HSET of it 4 400:2 4:0 400
-- @include lib/cells: hash_at, new_bucket, new_part, take_activities
-- @include lib/numbers: SUM_MAX
-- @include lib/totals: read_total, total_of_text
-- @include lib/writes: keep, write_command, keep_for

local read_years, hand_over_years, read_totals, note_totals

do
  local format = string.format

  -- HMGET of a hash, with room for what mostly follows: a list that grows is made anew each time.
  local function reading(key)
    return { 'HMGET', key, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil }
  end

  -- Name buckets, or parts, or both in a command that is so long; its length then.
  local function name_fields(command, size, buckets, has_totals, has_parts)
    for place = 1, #buckets do
      local bucket = buckets[place]
      local field = bucket[1]
      if has_totals then
        size = size + 1
        command[size] = field
      end
      for at = 7, has_parts and bucket[6] or 0, 2 do
        size = size + 1
        command[size] = field .. bucket[at]
      end
    end
    return size
  end

  -- What the hash of years tells of the activities: the values of their number, of the newest
  -- second and of the position in columns.
  function read_years(totals)
    local years = totals.hashes[1]
    local command = reading(years[2])
    local size = name_fields(command, 2, years[4], true, true)
    command[size + 1], command[size + 2], command[size + 3] = 'activities', 'newest', 'at'
    local values = redis.call(unpack(command, 1, size + 3))
    years[6], years[8] = command, values
    return values[size - 1], values[size], values[size + 1]
  end

  -- What was read of years is for whoever books in another way.
  function hand_over_years(totals)
    local years = totals.hashes[1]
    local hash, fields, values, slot = hash_at(years[2], keep.year), years[6], years[8], 0
    for at = 1, #years[4] do
      slot = slot + 1
      new_bucket(hash, fields[slot + 2], values[slot])
      for _ = 7, years[4][at][6], 2 do
        slot = slot + 1
        new_part(hash, fields[slot + 2], values[slot])
      end
    end
    take_activities(hash, values[slot + 1], values[slot + 2], values[slot + 3])
  end

  -- Add a bucket to what its hash has; answers its value, nil where that could pass the bound.
  local function bucket_value(bucket, value, size)
    if not value then
      local sum_text = format('%d', bucket[2])
      bucket[5] = sum_text
      return total_of_text(sum_text, bucket[3])
    end
    local sum, count = read_total(value)
    if not (sum + size <= SUM_MAX and sum - size >= -SUM_MAX) then return nil end
    local sum_text = format('%d', sum + bucket[2])
    bucket[4], bucket[5] = count, sum_text
    return total_of_text(sum_text, count + bucket[3])
  end

  -- The same of what an atid has in it; nil also where that becomes 0, which is no field.
  local function part_value(sum, value, size)
    if value then
      local before = tonumber(value)
      if not (before + size <= SUM_MAX and before - size >= -SUM_MAX) then return nil end
      sum = before + sum
    end
    return sum ~= 0 and format('%d', sum)
  end

  -- Make the command that has read so many values the one that writes them with what is added: from
  -- the last on, so that each finds its field before that is overwritten. False where one does not
  -- fit.
  local function add_values(command, values, slot, buckets, size, has_totals, has_parts)
    for place = #buckets, 1, -1 do
      local bucket = buckets[place]
      for at = has_parts and bucket[6] or 0, 8, -2 do
        local value = part_value(bucket[at], values[slot], size)
        if not value then return false end
        command[2 * slot + 1], command[2 * slot + 2] = command[slot + 2], value
        slot = slot - 1
      end
      if has_totals then
        local value = bucket_value(bucket, values[slot], size)
        if not value then return false end
        command[2 * slot + 1], command[2 * slot + 2] = bucket[1], value
        slot = slot - 1
      end
    end
    command[1] = 'HSET'
    return true
  end

  -- Read buckets, or parts, or both of a key, and add to them: the command that writes them, or
  -- false.
  local function command_with(key, buckets, size, has_totals, has_parts)
    local command = reading(key)
    local last = name_fields(command, 2, buckets, has_totals, has_parts)
    local values = redis.call(unpack(command, 1, last))
    return add_values(command, values, last - 2, buckets, size, has_totals, has_parts) and command
  end

  -- Read all totals below the years and add to them; false where one is not as plain. A bucket then
  -- has how many bookings it had, and what all of them come to as a text.
  function read_totals(totals)
    local size, hashes = totals.size, totals.hashes
    local years = hashes[1]
    if size > SUM_MAX
      or not add_values(years[6], years[8], #years[8] - 3, years[4], size, true, true) then
      return false
    end
    for at = 2, #hashes do
      local hash = hashes[at]
      local buckets, parts_key = hash[4], hash[5]
      hash[6] = command_with(hash[2], buckets, size, true, not parts_key)
      if not hash[6] then return false end
      if parts_key then
        hash[7] = command_with(parts_key, buckets, size, false, true)
        if not hash[7] then return false end
      end
    end
    return true
  end

  -- Note all that is to be written: so many activities then, the newest second, and the position
  -- in columns where it is given now; as texts.
  function note_totals(totals, activities, newest_second, position)
    local hashes = totals.hashes
    local year_command, size = hashes[1][6], 2 * #hashes[1][8] - 4
    year_command[size + 1], year_command[size + 2] = 'activities', activities
    year_command[size + 3], year_command[size + 4] = 'newest', newest_second
    if position then year_command[size + 5], year_command[size + 6] = 'at', position end
    for at = 1, #hashes do
      local hash = hashes[at]
      write_command(hash[6])
      if hash[7] then write_command(hash[7]) end
      if hash[3] ~= 0 then
        keep_for(hash[2], hash[3])
        if hash[5] then keep_for(hash[5], hash[3]) end
      end
    end
  end
end
