-- Activity writes: take a plan into the activities of this call, and save those that changed.
-- @include lib/replay

-- Bookings past the bound would not survive Redis's doubles.
local function plan_fits(plan)
  if math.abs(plan.record[4]) > SUM_MAX then return false end
  for _, edit in ipairs(plan.edits) do
    if math.abs(edit[3]) > SUM_MAX then return false end
  end
  for _, move in ipairs(plan.moves) do
    if math.abs(move[4]) > SUM_MAX then return false end
  end
  return true
end

-- Put four slots for one more record into a list.
local function make_room(flat, slot)
  spend_work((#flat - slot) / 64)
  for at = #flat, slot, -1 do flat[at + 4] = flat[at] end
end

local function add_to_entry(entry, records, sum, start)
  entry[1], entry[2] = entry[1] + records, entry[2] + sum
  entry[3], entry[4] = math.min(entry[3], start), math.max(entry[4], start)
end

-- Count what changed in an hour: records more, `sum` more, a window that starts at `start`.
local function note_hour(activity, part, records, sum, start)
  if part.summary[1] == 0 then
    activity.new_hours = (activity.new_hours or 0) + 1
    if activity.order then
      table.insert(activity.order, part.number)
      table.sort(activity.order)
    end
    if activity.has_blocks then activity.hour_count = activity.hour_count + 1 end
  end
  add_to_entry(part.summary, records, sum, start)
  if not activity.has_blocks then return end
  for _, level in ipairs(BLOCKS) do
    local number = math.floor(part.number / level.hours)
    local entries = load_entries(activity, level, number, number)
    entries[number] = entries[number] or { 0, 0, math.huge, -math.huge }
    add_to_entry(entries[number], records, sum, start)
    activity.dirty_blocks[level.name .. number] = entries[number]
  end
end

local function commit_plan(plan)
  local activity, part, record = plan.activity, plan.part, plan.record
  if plan.is_same then return end
  activity.dirty, part.dirty = true, true
  local flat, slot = part.flat, plan.slot
  local booked, total = record[4], 0
  for _, edit in ipairs(plan.edits) do
    local holder, at = edit[1], edit[2]
    local change = edit[3] - holder.flat[at + 3]
    holder.flat[at + 3] = edit[3]
    holder.changed, holder.dirty, total = true, true, total + change
    if activity.long then
      note_hour(activity, holder, 0, change, holder.flat[at] - holder.flat[at + 1])
    end
  end
  if plan.replaces then
    booked = booked - flat[slot + 3]
    flat[slot + 2], flat[slot + 3] = record[3], record[4]
    part.changed = true
  else
    if slot <= #flat then
      part.changed = true
      make_room(flat, slot)
    end
    for at = 1, 4 do flat[slot + at - 1] = record[at] end
  end
  if not activity.long then return end
  local added = plan.replaces and 0 or 1
  note_hour(activity, part, added, booked, record[1] - math.max(record[2], 0))
  activity.total, activity.count = activity.total + total + booked, activity.count + added
  activity.first = math.min(activity.first, record[1])
  activity.last = math.max(activity.last, record[1])
end

-- Hours of a long activity whose directory has no blocks.
local function listed_hours(activity)
  if activity.order then return #activity.order end
  return redis.call('HLEN', directory_key(activity)) - 1 + (activity.new_hours or 0)
end

-- The entries of the blocks over all of its hours.
local function blocks_over(activity)
  local blocks = {}
  spend_work(3 * #part_numbers(activity))
  for _, number in ipairs(part_numbers(activity)) do
    local summary = part_of(activity, number).summary
    for _, level in ipairs(BLOCKS) do
      local name = level.name .. math.floor(number / level.hours)
      local block = blocks[name] or { 0, 0, math.huge, -math.huge }
      block[1], block[2] = block[1] + summary[1], block[2] + summary[2]
      block[3], block[4] = math.min(block[3], summary[3]), math.max(block[4], summary[4])
      blocks[name] = block
    end
  end
  return blocks
end

-- Note the write of entries { name, value, ... } and of what tells of the whole activity.
local function write_directory(activity, entries)
  local key = directory_key(activity)
  local blocks = {}
  if activity.has_blocks then
    blocks = activity.dirty_blocks
  elseif listed_hours(activity) > HOURS_LISTED then
    blocks, activity.hour_count = blocks_over(activity), #part_numbers(activity)
  end
  for name, block in pairs(blocks) do
    entries[#entries + 1], entries[#entries + 2] = name, cmsgpack.pack(unpack(block))
  end
  local all = { activity.total, activity.count, activity.first, activity.last,
    activity.hour_count }
  entries[#entries + 1], entries[#entries + 2] = 'all', cmsgpack.pack(unpack(all))
  spend_work(#entries / 2)
  for from = 1, #entries, 1000 do
    write('HSET', key, unpack(entries, from, math.min(from + 999, #entries)))
  end
  keep_for(key, keep.activity)
end

-- A short activity that has grown: its records by hour, and the empty mark in its shard.
local function write_as_long(activity, shard)
  -- Lengths are read only so that a key of a foreign type fails before anything is written.
  redis.call('HLEN', directory_key(activity))
  local flat, hours, order = activity.hours[0].flat, {}, {}
  local entries, at = {}, 1
  while at <= #flat do
    local hour, records = math.floor(flat[at] / HOUR_S), {}
    while at <= #flat and math.floor(flat[at] / HOUR_S) == hour do
      for slot = at, at + 3 do records[#records + 1] = flat[slot] end
      at = at + 4
    end
    hours[hour], order[#order + 1] = { summary = summary_of(records) }, hour
    entries[#entries + 1] = tostring(hour)
    entries[#entries + 1] = cmsgpack.pack(unpack(hours[hour].summary))
    redis.call('STRLEN', hour_key(activity, hour))
    write('SET', hour_key(activity, hour), pack_records(records))
    keep_for(hour_key(activity, hour), keep.activity)
  end
  activity.total, activity.count = summary_of(flat)[2], #flat / 4
  activity.first, activity.last = flat[1], flat[#flat - 3]
  activity.hours, activity.order = hours, order
  write_directory(activity, entries)
  write('HSET', shard, activity.aid, '')
end

local function write_long_parts(activity)
  local entries = {}
  for number, part in pairs(activity.hours) do
    if part.dirty then
      local key = hour_key(activity, number)
      if part.changed then
        write('SET', key, pack_records(part.flat))
      else
        redis.call('STRLEN', key)
        write('APPEND', key, pack_records(part.flat, part.appended_from))
      end
      keep_for(key, keep.activity)
      entries[#entries + 1] = tostring(number)
      entries[#entries + 1] = cmsgpack.pack(unpack(part.summary))
    end
  end
  write_directory(activity, entries)
end

-- A withdrawn activity: its mark in the shard, and none of the keys of a long one.
local function write_withdrawn(activity, shard)
  if activity.long then
    for _, number in ipairs(part_numbers(activity)) do
      write('DEL', hour_key(activity, number))
    end
    write('UNLINK', directory_key(activity))
  end
  write('HSET', shard, activity.aid, WITHDRAWN)
end

-- Note the writes of all activities of this call, by owner and thing.
local function save_activities()
  for prefix, by_aid in pairs(activities) do
    local added = 0
    for _, activity in pairs(by_aid.known) do
      if activity.dirty and activity.is_new then added = added + 1 end
    end
    local count = by_aid.count + added
    local shards = shard_count(count)
    if added > 0 then
      local hash = hash_at(prefix .. ':y', keep.year)
      hash.activities, hash.activities_dirty = count, true
      grow_shards(prefix, by_aid.shards, shards)
    end
    for aid, activity in pairs(by_aid.known) do
      if is_too_heavy() then return end
      if activity.dirty then
        local shard = shard_key(prefix, shard_of(aid, shards))
        if activity.withdrawn then
          write_withdrawn(activity, shard)
        elseif activity.long then
          write_long_parts(activity)
        elseif #activity.hours[0].flat > SHORT_RECORDS * 4 then
          write_as_long(activity, shard)
        else
          write('HSET', shard, aid, pack_records(activity.hours[0].flat))
        end
        keep_for(shard, keep.activity)
      end
    end
  end
end
