-- Activity writes: save the activities that this call has changed.
-- Seldom: save_activities_of
-- @include lib/activity_hours: BLOCKS
-- @include lib/activity: SHORT_RECORDS, HOURS_LISTED, HOUR_S, WITHDRAWN, activities, pack_records
-- @include lib/activity: summary_of, directory_key, hour_key, part_of, part_numbers
-- @include lib/cells: hash_at
-- @include lib/shards: shard_count, shard_of, shard_key, grow_shards
-- @include lib/work: spend_work, is_too_heavy
-- @include lib/writes: keep, write, keep_at

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
  keep_at(key, 'activity')
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
    keep_at(hour_key(activity, hour), 'activity')
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
      keep_at(key, 'activity')
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

-- Note the writes of an owner's thing; ends early when the call is too heavy.
local function save_activities_of(prefix, by_aid)
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
      keep_at(shard, 'activity')
    end
  end
end

-- The same of all activities of this call, by owner and thing.
local function save_activities()
  for prefix, by_aid in pairs(activities) do
    save_activities_of(prefix, by_aid)
    if is_too_heavy() then return end
  end
end
