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

local function refresh_summary(part)
  if part.loaded and part.number ~= 0 then
    part.summary = summary_of(part.flat)
    return
  end
  local added = summary_of(part.flat)
  local known = part.summary_before or part.summary
  part.summary_before = known
  part.summary = known and { known[1] + added[1], known[2] + added[2],
    math.min(known[3], added[3]), math.max(known[4], added[4]) } or added
end

local function commit_plan(plan)
  local activity, part, record = plan.activity, plan.part, plan.record
  if plan.is_same then return end
  activity.dirty = true
  local balance = record[4] - (plan.replaces and part.flat[plan.slot + 3] or 0)
  for _, edit in ipairs(plan.edits) do
    local holder, slot = edit[1], edit[2]
    balance = balance + edit[3] - holder.flat[slot + 3]
    holder.flat[slot + 3] = edit[3]
    holder.changed, holder.dirty = true, true
  end
  local flat, slot = part.flat, plan.slot
  if plan.replaces then
    flat[slot + 2], flat[slot + 3] = record[3], record[4]
    part.changed = true
  else
    if slot <= #flat then part.changed = true end
    if slot > #flat then
      for at = 1, 4 do flat[slot + at - 1] = record[at] end
    else
      for at = 1, 4 do table.insert(flat, slot + at - 1, record[at]) end
    end
  end
  part.dirty = true
  if not activity.long then return end
  refresh_summary(part)
  for _, edit in ipairs(plan.edits) do refresh_summary(edit[1]) end
  activity.total = activity.total + balance
  activity.count = activity.count + (plan.replaces and 0 or 1)
  activity.first = math.min(activity.first, record[1])
  activity.last = math.max(activity.last, record[1])
end

local function write_directory(activity, entries)
  local key = directory_key(activity)
  entries[#entries + 1] = 'all'
  entries[#entries + 1] =
    cmsgpack.pack(activity.total, activity.count, activity.first, activity.last)
  for from = 1, #entries, 1000 do
    write('HSET', key, unpack(entries, from, math.min(from + 999, #entries)))
  end
  keep_for(key, keep.activity)
end

-- A short activity that has grown: its records by hour, and the empty mark in its shard.
local function write_as_long(activity, shard)
  -- Lengths are read only so that a key of a foreign type fails before anything is written.
  redis.call('HLEN', directory_key(activity))
  local flat = activity.hours[0].flat
  local entries, at = {}, 1
  while at <= #flat do
    local hour, records = math.floor(flat[at] / HOUR_S), {}
    while at <= #flat and math.floor(flat[at] / HOUR_S) == hour do
      for slot = at, at + 3 do records[#records + 1] = flat[slot] end
      at = at + 4
    end
    entries[#entries + 1] = tostring(hour)
    entries[#entries + 1] = cmsgpack.pack(unpack(summary_of(records)))
    redis.call('STRLEN', hour_key(activity, hour))
    write('SET', hour_key(activity, hour), pack_records(records))
    keep_for(hour_key(activity, hour), keep.activity)
  end
  activity.total, activity.count = summary_of(flat)[2], #flat / 4
  activity.first, activity.last = flat[1], flat[#flat - 3]
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
    write('DEL', directory_key(activity))
    for _, number in ipairs(part_numbers(activity)) do write('DEL', hour_key(activity, number)) end
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
