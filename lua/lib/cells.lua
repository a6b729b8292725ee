-- Cells: the totals that one call touches, read once and written once. A bucket is the total of
-- one field over all atids: { field, sum, count, count_before, dirty }; a part is what one atid
-- has in it: { sum, sum_before }. count_before and sum_before are what Redis holds.
-- Seldom: save_hash
-- @include lib/totals: read_total, total_value
-- @include lib/writes: keep
-- @include lib/ids: id_text
-- @include lib/numbers: SUM_MAX, text

local hashes = {}

local function hash_at(key, lifetime)
  local hash = hashes[key]
  if not hash then
    hash = { buckets = {}, parts = {}, lifetime = lifetime }
    hashes[key] = hash
  end
  return hash
end

local function new_bucket(hash, field, value)
  local sum, count = read_total(value)
  local bucket = { sum = sum, count = count, count_before = count, dirty = false }
  hash.buckets[field] = bucket
  return bucket
end

local function new_part(hash, field, value)
  local sum = tonumber(value or 0)
  local part = { sum = sum, sum_before = sum }
  hash.parts[field] = part
  return part
end

-- A bucket without its parts.
local function load_bucket(key, lifetime, field)
  local hash = hash_at(key, lifetime)
  return hash.buckets[field] or new_bucket(hash, field, redis.call('HGET', key, field))
end

-- The number of activities. Shards are counted by it, so one that is none must not get there: of
-- 1e40 shards, adding 1 would never reach the next.
local function activity_count(value)
  local count = tonumber(value or 0)
  if not (count and count >= 0 and count <= SUM_MAX and count % 1 == 0) then
    error('the number of activities is none')
  end
  return count
end

-- The newest second with a booking (lib/newest_writes): -1 for none, false where there are
-- activities and nothing tells.
local function newest_of(value, activities)
  return tonumber(value or nil) or activities == 0 and -1
end

-- Take what a year hash tells of activities, and the position in columns (lib/column_places).
local function take_activities(hash, activities, newest_second, at)
  hash.activities = activity_count(activities)
  hash.newest, hash.at = newest_of(newest_second, hash.activities), at
end

-- A year and its part of one atid; with them, in the same read, what is told of the activities.
local function load_year(prefix, field, atid)
  local key = prefix .. ':y'
  if hashes[key] then return end
  local hash, part_field = hash_at(key, keep.year), field .. ':' .. id_text(atid)
  local values = redis.call('HMGET', key, 'activities', 'newest', 'at', field, part_field)
  take_activities(hash, values[1], values[2], values[3])
  new_bucket(hash, field, values[4])
  new_part(hash, part_field, values[5])
end

-- What is told of the activities of an owner's thing.
local function load_activities(prefix)
  local key = prefix .. ':y'
  local hash = hash_at(key, keep.year)
  if not hash.activities then
    local values = redis.call('HMGET', key, 'activities', 'newest', 'at')
    take_activities(hash, values[1], values[2], values[3])
  end
  return hash.activities
end

-- Two buckets of one hash and their parts of one atid in one read, if none is known yet.
local function load_week_pair(key, week, issuance, atid)
  local hash = hash_at(key, keep.week)
  if hash.buckets[week] or hash.buckets[issuance] then return end
  local typed = ':' .. id_text(atid)
  local week_part, issuance_part = week .. typed, issuance .. typed
  local values = redis.call('HMGET', key, week, week_part, issuance, issuance_part)
  new_bucket(hash, week, values[1])
  new_part(hash, week_part, values[2])
  new_bucket(hash, issuance, values[3])
  new_part(hash, issuance_part, values[4])
end

-- A bucket and its part of one atid, which stand in the same hash.
local function load_both(key, lifetime, field, atid)
  local hash, part_field = hash_at(key, lifetime), field .. ':' .. id_text(atid)
  local bucket, part = hash.buckets[field], hash.parts[part_field]
  if bucket and part then return bucket, part end
  if bucket then return bucket, new_part(hash, part_field, redis.call('HGET', key, part_field)) end
  local values = redis.call('HMGET', key, field, part_field)
  return new_bucket(hash, field, values[1]), new_part(hash, part_field, values[2])
end

-- A day and its part of one atid. Parts of days stand in a hash of their own: a month has 31
-- days but 31 times as many parts as atids, and a packed hash is searched field by field.
local function load_day(key, field, atid)
  local bucket = load_bucket(key, keep.day, field)
  local parts_key, part_field = key .. ':t', field .. ':' .. id_text(atid)
  local hash = hash_at(parts_key, keep.day)
  local part = hash.parts[part_field]
    or new_part(hash, part_field, redis.call('HGET', parts_key, part_field))
  return bucket, part
end

local function add_to_bucket(bucket, part, sum, count)
  bucket.sum, bucket.count, bucket.dirty = bucket.sum + sum, bucket.count + count, true
  part.sum = part.sum + sum
end

-- Arguments of HSET and HDEL for what changed in one hash.
local function changed_fields(key, hash)
  local set, dropped, at = { 'HSET', key }, nil, 2
  if hash.activities_dirty then
    set[3], set[4], at = 'activities', hash.activities, 4
  end
  if hash.is_newest_dirty then
    set[at + 1], set[at + 2], at = 'newest', hash.newest, at + 2
  end
  if hash.is_at_new then
    set[at + 1], set[at + 2], at = 'at', text(hash.position), at + 2
  end
  for field, bucket in pairs(hash.buckets) do
    if bucket.dirty then
      if bucket.count > 0 then
        set[at + 1], set[at + 2], at = field, total_value(bucket.sum, bucket.count), at + 2
      elseif bucket.count_before > 0 then
        dropped = dropped or { 'HDEL', key }
        dropped[#dropped + 1] = field
      end
    end
  end
  for field, part in pairs(hash.parts) do
    if part.sum ~= part.sum_before then
      if part.sum ~= 0 then
        set[at + 1], set[at + 2], at = field, text(part.sum), at + 2
      else
        dropped = dropped or { 'HDEL', key }
        dropped[#dropped + 1] = field
      end
    end
  end
  return set, at, dropped
end

local function save_lifetime(key, seconds)
  if seconds > 0 then
    redis.call('EXPIRE', key, seconds)
  else
    redis.call('PERSIST', key)
  end
end

-- Write what changed of a hash, 1,000 arguments at once: mostly one HSET and at most one HDEL.
local function save_hash(key, hash)
  local set, at, dropped = changed_fields(key, hash)
  if at > 2 and at <= 1002 then
    redis.call(unpack(set, 1, at))
  else
    for from = 3, at, 1000 do
      redis.call('HSET', key, unpack(set, from, math.min(from + 999, at)))
    end
  end
  if dropped then
    for from = 3, #dropped, 1000 do
      redis.call('HDEL', key, unpack(dropped, from, math.min(from + 999, #dropped)))
    end
  end
  if hash.lifetime ~= 0 and (at > 2 or dropped) then save_lifetime(key, hash.lifetime) end
end

-- Write what changed. Reads nothing.
local function save_cells()
  for key, hash in pairs(hashes) do save_hash(key, hash) end
end
