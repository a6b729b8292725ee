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

  -- Note what is kept of the activities, in so many shards. Those of one shard are one command.
  local function note_activities(prefix, reports, shards)
    local commands = {}
    for at = 1, #reports do
      local report = reports[at]
      local shard = shard_of(report[3], shards)
      local packed = cmsgpack.pack(report[6], report[6] - report[5], report[2], report[4])
      local command = commands[shard]
      local size = command and #command or math.huge
      if size <= 1000 then
        command[size + 1], command[size + 2] = report[3], packed
      else
        local key = shard_key(prefix, shard)
        command = { 'HSET', key, report[3], packed }
        commands[shard] = command
        write_command(command)
        keep_at(key, 'activity')
      end
    end
  end

  -- Label and first second of the leaf that takes bookings of a day; nil where it is to be split,
  -- or the day is.
  local function leaf_for(buckets)
    local month, date, day = buckets.month, buckets.date, buckets.day
    if month.before + month.count <= LEAF_RECORDS.month then
      return day.month_label, day.month_start
    end
    local in_day = date.before + date.count
    if month.before <= LEAF_RECORDS.month or in_day > LEAF_RECORDS.day then return nil end
    return day.label, day.start
  end

  -- Changes by the leaf that takes them, as { label, start, changes }; nil where one is to be
  -- split.
  local function leaves_of(reports, days)
    local leaves = {}
    for at = 1, #reports do
      local report, buckets = reports[at], days[at]
      local leaf = buckets.leaf
      if not leaf then
        local label, start = leaf_for(buckets)
        if not label then return nil end
        leaf = leaves[label]
        if not leaf then
          leaf = { label, start, {} }
          leaves[label], leaves[#leaves + 1] = leaf, leaf
        end
        buckets.leaf = leaf
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

  -- Note the reports, with the number of activities and the newest second before them.
  local function note_reports(prefix, reports, totals, leaves, before)
    local newest_second, count = before.newest_second, before.count + #reports
    for at = 1, #reports do
      if reports[at][6] > newest_second then newest_second = reports[at][6] end
    end
    local shards, newest_text = shard_count(count), text(newest_second)
    if shards ~= before.shards then grow_shards(prefix, before.shards, shards) end
    note_activities(prefix, reports, shards)
    note_leaves(prefix, leaves)
    local position = note_bookings(prefix, before.position, reports, totals.days,
      newest_second > before.newest_second and newest_text)
    note_totals(totals, text(count), newest_text, position)
  end

  -- Book the reports of an owner's thing, or answer false and have noted nothing.
  function book_first_reports(prefix, reports)
    if not look_first(reports) then return false end
    local totals = gather_totals(prefix, reports)
    local activities, newest_value, position = read_years(totals)
    local count = activity_count(activities)
    local before = { count = count, newest_second = newest_of(newest_value, count),
      shards = shard_count(count), position = position }
    if not before.newest_second or not are_new(prefix, reports, before.shards) then
      hand_over_years(totals)
      return false
    end
    local leaves = read_totals(totals) and leaves_of(reports, totals.days)
    if not leaves then return false end
    note_reports(prefix, reports, totals, leaves, before)
    return true
  end
end
