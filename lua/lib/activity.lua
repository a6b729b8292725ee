-- Activity: the reports of one (thing, aid), each kept as the booking it made, so that a report
-- that comes late finds its place. Records are { second, window, atid, booking } with
-- window = ts2 - ts1, or -1 for an increment, sorted by (second, window). Up to SHORT_RECORDS
-- stand packed in a shard; more are `long`: one string an hour and a directory of the hours,
-- which is not read as a whole once it has more than HOURS_LISTED (lib/activity_hours). Records
-- of an hour are a flat list, four slots each. A withdrawn activity has WITHDRAWN in its
-- shard, which is no row of records, and nothing else: reports of it are not booked any more.
-- Seldom: hand_over_activity
-- @include lib/shards: shard_count, shard_of, shard_key
-- @include lib/ids: id_text
-- @include lib/work: spend_work
-- @include lib/cells: load_activities

local SHORT_RECORDS = 4
local HOURS_LISTED = 128
local HOUR_S = 3600
local WITHDRAWN = 'withdrawn'

-- Reports of one activity in one hour: they stand in one string, which a late one reads and
-- writes. One a second are 3,600.
local HOUR_RECORDS_MAX = 4096

local activities = {}

-- Flat list of a packed string; unpacked in parts, because Lua's stack holds 8,000 values.
local function unpack_records(packed)
  local flat, offset = {}, 0
  while offset ~= -1 and offset < #packed do
    local values = { cmsgpack.unpack_limit(packed, 1000, offset) }
    offset = values[1]
    for at = 2, #values do flat[#flat + 1] = values[at] end
  end
  -- Some 0.8 us a record, and 0.4 to pack it again.
  spend_work(#flat / 8)
  return flat
end

local function pack_records(flat, from)
  if not from and #flat <= 1000 then return cmsgpack.pack(unpack(flat)) end
  local parts = {}
  for at = from or 1, #flat, 1000 do
    parts[#parts + 1] = cmsgpack.pack(unpack(flat, at, math.min(at + 999, #flat)))
  end
  return table.concat(parts)
end

-- Number of records, sum of bookings, earliest and latest window start of a list.
local function summary_of(flat)
  local sum, earliest, latest = 0, math.huge, -math.huge
  for at = 1, #flat, 4 do
    local start = flat[at] - math.max(flat[at + 1], 0)
    sum = sum + flat[at + 3]
    earliest, latest = math.min(earliest, start), math.max(latest, start)
  end
  return { #flat / 4, sum, earliest, latest }
end

local function directory_key(activity)
  return activity.prefix .. ':r:' .. id_text(activity.aid)
end

local function hour_key(activity, hour)
  return directory_key(activity) .. ':' .. hour
end

-- What shards were found to hold of activities that are not loaded yet, by prefix and aid.
local handed_over = {}

local function hand_over_activity(prefix, aid, packed)
  handed_over[prefix .. aid] = packed
end

-- One activity, read from its shard once a call.
local function load_activity(prefix, aid)
  local by_aid = activities[prefix]
  if not by_aid then
    local count = load_activities(prefix)
    by_aid = { count = count, shards = shard_count(count), known = {} }
    activities[prefix] = by_aid
  end
  local activity = by_aid.known[aid]
  if activity then return activity end
  local shard = shard_of(aid, by_aid.shards)
  local packed = handed_over[prefix .. aid] or redis.call('HGET', shard_key(prefix, shard), aid)
  activity = { prefix = prefix, aid = aid, is_new = not packed, long = false, hours = {},
    withdrawn = packed == WITHDRAWN }
  local told = packed == '' and redis.call('HMGET', directory_key(activity), 'all', 'took')
  if told and told[1] then
    activity.long, activity.took = true, told[2]
    activity.entries, activity.dirty_blocks = { [''] = {}, b = {}, B = {} }, {}
    activity.total, activity.count, activity.first, activity.last, activity.hour_count =
      cmsgpack.unpack(told[1])
    activity.has_blocks = activity.hour_count ~= nil
  else
    -- A long activity whose directory has expired begins anew; its mark in the shard lives on.
    activity.is_lost = packed == ''
    local flat = packed and not activity.withdrawn and unpack_records(packed) or {}
    activity.hours[0] = { number = 0, flat = flat, loaded = true }
    activity.order = { 0 }
  end
  by_aid.known[aid] = activity
  return activity
end

-- Number of an hour's part; a short activity has one part for all.
local function part_number(activity, second)
  return activity.long and math.floor(second / HOUR_S) or 0
end

-- The part with its summary known; its records are read by `loaded_part`.
local function part_of(activity, number)
  local part = activity.hours[number]
  if not part then
    local known = activity.entries[''][number]
    if known == nil then
      local packed = redis.call('HGET', directory_key(activity), number)
      known = packed and { cmsgpack.unpack(packed) }
    end
    part = { number = number, flat = {}, loaded = not known,
      summary = known or { 0, 0, math.huge, -math.huge }, appended_from = 1 }
    activity.hours[number] = part
  end
  return part
end

-- The part with its records; what this call appended comes after what Redis holds.
local function loaded_part(activity, number)
  local part = part_of(activity, number)
  if not part.loaded then
    local flat = unpack_records(redis.call('GET', hour_key(activity, number)) or '')
    part.appended_from = #flat + 1
    for at = 1, #part.flat do flat[#flat + 1] = part.flat[at] end
    part.flat, part.loaded = flat, true
  end
  return part
end

-- Numbers of all parts in order of time: up to HOURS_LISTED, else see lib/activity_hours. Some 2 us
-- an hour, the first time.
local function part_numbers(activity)
  if activity.order then return activity.order end
  local entries = redis.call('HGETALL', directory_key(activity))
  spend_work(#entries / 2)
  for at = 1, #entries, 2 do
    local number = tonumber(entries[at])
    if number and not activity.hours[number] then
      activity.hours[number] = { number = number, flat = {}, loaded = false,
        summary = { cmsgpack.unpack(entries[at + 1]) }, appended_from = 1 }
    end
  end
  local order = {}
  for number, part in pairs(activity.hours) do
    if part.summary == nil or part.summary[1] > 0 then order[#order + 1] = number end
  end
  table.sort(order)
  activity.order = order
  return order
end
