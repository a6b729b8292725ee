-- First reports: several reports of new activities of an owner's thing, one of each, which is what
-- most calls are made of. Such a report meets nothing but totals and leaves, and is booked
-- straight: no activity is read in, and each hash is read and noted in one step. Whatever is not as
-- plain is for lib/book_report, which leaves the same bytes; then nothing is noted.
-- @include lib/gathered_totals: gather_totals
-- @include lib/gathered_writes: read_years, hand_over_years, read_totals, note_totals
-- @include lib/columns: note_bookings
-- @include lib/activity: hand_over_activity
-- @include lib/cells: activity_count, newest_of
-- @include lib/leaf_merge: write_leaf_changes, write_new_record
-- @include lib/numbers: SUM_MAX, text
-- @include lib/shards: shard_count, shard_of, shard_key, grow_shards
-- @include lib/units: LEAF_RECORDS
-- @include lib/writes: write_command, keep_at

local book_first_reports

do
  -- Whether they could be first reports, as far as they tell themselves.
  local function look_first(reports)
    local seen = {}
    for at = 1, #reports do
      local report = reports[at]
      local aid, value = report[3], report[4]
      if report[7] or value == 0 or value > SUM_MAX or value < -SUM_MAX or seen[aid] then
        return false
      end
      seen[aid] = true
    end
    return true
  end

  -- The reports by the shard of their activities, of so many, as { key, places of reports, .. }.
  local function by_shard(prefix, reports, shards)
    local found, numbers = {}, {}
    for at = 1, #reports do
      local number = shard_of(reports[at][3], shards)
      local shard = numbers[number]
      if shard then
        shard[#shard + 1] = at
      else
        shard = { shard_key(prefix, number), at, nil, nil }
        numbers[number], found[#found + 1] = shard, shard
      end
    end
    return found
  end

  -- Whether no activity of the reports is known; what is found of one is handed over.
  local function are_new(prefix, reports, shards)
    for number = 1, #shards do
      local shard, command = shards[number], { 'HMGET', shards[number][1], nil, nil, nil, nil }
      for at = 2, #shard do command[at + 1] = reports[shard[at]][3] end
      local held = redis.call(unpack(command))
      for at = 1, #held do
        if held[at] then
          hand_over_activity(prefix, command[at + 2], held[at])
          return false
        end
      end
    end
    return true
  end

  -- Note what is kept of the activities of a shard.
  local function note_activities(reports, shard)
    local command, size = { 'HSET', shard[1], nil, nil, nil, nil, nil, nil }, 2
    for at = 2, #shard do
      local report = reports[shard[at]]
      command[size + 1] = report[3]
      command[size + 2] =
        cmsgpack.pack(report[6], report[6] - report[5], report[2], report[4])
      size = size + 2
    end
    write_command(command)
    keep_at(shard[1], 'activity')
  end

  -- Label and first second of the leaf that takes bookings of a day; nil where it is to be split,
  -- or the day is.
  local function leaf_for(buckets)
    local day, month, date = buckets[1], buckets[3], buckets[4]
    if month[4] + month[3] <= LEAF_RECORDS.month then
      return day.month_label, day.month_start
    end
    local in_day = date[4] + date[3]
    if month[4] <= LEAF_RECORDS.month or in_day > LEAF_RECORDS.day then return nil end
    return day.label, day.start
  end

  -- Changes by the leaf that takes them, as { label, start, changes }; nil where one is to be
  -- split.
  local function leaves_of(reports, days)
    local leaves = {}
    for at = 1, #reports do
      local report, buckets = reports[at], days[at]
      local leaf = buckets[6]
      if not leaf then
        local label, start = leaf_for(buckets)
        if not label then return nil end
        leaf = leaves[label]
        if not leaf then
          leaf = { label, start, {} }
          leaves[label], leaves[#leaves + 1] = leaf, leaf
        end
        buckets[6] = leaf
      end
      local changes = leaf[3]
      changes[#changes + 1] = { report[6], report[2], report[3], 0, report[4] }
    end
    return leaves
  end

  local function note_leaves(prefix, leaves)
    for at = 1, #leaves do
      local key, start, changes = prefix .. ':l:' .. leaves[at][1], leaves[at][2], leaves[at][3]
      local only = changes[1]
      if #changes == 1 then
        write_new_record(key, start, only[1], only[2], only[3], only[5])
      else
        write_leaf_changes(key, start, changes)
      end
    end
  end

  -- Note the activities, of which there are `count` with them, in the shards that were read, or
  -- where they are then.
  local function note_shards(prefix, reports, shards, count)
    local before, number = shard_count(count - #reports), shard_count(count)
    if number ~= before then
      grow_shards(prefix, before, number)
      shards = by_shard(prefix, reports, number)
    end
    for at = 1, #shards do note_activities(reports, shards[at]) end
  end

  -- Note the bookings, in leaves, columns and totals; so many activities there are with them.
  local function note_booked(prefix, reports, totals, leaves, count, newest_before, position)
    local newest_second = newest_before
    for at = 1, #reports do
      if reports[at][6] > newest_second then newest_second = reports[at][6] end
    end
    local newest_text = text(newest_second)
    note_leaves(prefix, leaves)
    local given = note_bookings(prefix, position, reports, totals.days,
      newest_second > newest_before and newest_text)
    note_totals(totals, text(count), newest_text, given)
  end

  -- Book the reports of an owner's thing, or answer false and have noted nothing.
  function book_first_reports(prefix, reports)
    if not look_first(reports) then return false end
    local totals = gather_totals(prefix, reports)
    local activities, newest_value, position = read_years(totals)
    local count = activity_count(activities)
    local newest_before = newest_of(newest_value, count)
    local shards = newest_before and by_shard(prefix, reports, shard_count(count))
    if not shards or not are_new(prefix, reports, shards) then
      hand_over_years(totals)
      return false
    end
    local leaves = read_totals(totals) and leaves_of(reports, totals.days)
    if not leaves then return false end
    count = count + #reports
    note_shards(prefix, reports, shards, count)
    note_booked(prefix, reports, totals, leaves, count, newest_before, position)
    return true
  end
end
