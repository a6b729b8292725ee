-- Cells: the totals that one call touches, read once and written once. A bucket is the total of
-- one field over all atids: { field, sum, count, count_before, dirty, typed }; typed holds by
-- packed atid { field, sum, sum_before }. count_before and sum_before are what Redis holds.
-- @include lib/totals
-- @include lib/writes
-- @include lib/ids

local hashes = {}

local function hash_at(key, lifetime)
  local hash = hashes[key]
  if not hash then
    hash = { buckets = {}, lifetime = lifetime }
    hashes[key] = hash
  end
  return hash
end

local function new_bucket(hash, field, value)
  local sum, count = read_total(value)
  local bucket =
    { field = field, sum = sum, count = count, count_before = count, dirty = false, typed = {} }
  hash.buckets[field] = bucket
  return bucket
end

-- A bucket without its atids.
local function load_bucket(key, lifetime, field)
  local hash = hash_at(key, lifetime)
  return hash.buckets[field] or new_bucket(hash, field, redis.call('HGET', key, field))
end

local function new_typed(bucket, field, atid, value)
  local sum = tonumber(value or 0)
  local typed = { field = field, sum = sum, sum_before = sum }
  bucket.typed[atid] = typed
  return typed
end

-- A year and its part of one atid; with it, in the same read, the number of activities.
local function load_year(prefix, field, atid)
  local key = prefix .. ':y'
  if hashes[key] then return end
  local hash, typed_field = hash_at(key, keep.year), field .. ':' .. id_text(atid)
  local values = redis.call('HMGET', key, 'activities', field, typed_field)
  hash.activities = tonumber(values[1] or 0)
  new_typed(new_bucket(hash, field, values[2]), typed_field, atid, values[3])
end

-- Two buckets of one hash and their parts of one atid in one read, if none is known yet.
local function load_week_pair(key, week, issuance, atid)
  local hash = hash_at(key, keep.week)
  if hash.buckets[week] or hash.buckets[issuance] then return end
  local typed = ':' .. id_text(atid)
  local week_typed, issuance_typed = week .. typed, issuance .. typed
  local values = redis.call('HMGET', key, week, week_typed, issuance, issuance_typed)
  new_typed(new_bucket(hash, week, values[1]), week_typed, atid, values[2])
  new_typed(new_bucket(hash, issuance, values[3]), issuance_typed, atid, values[4])
end

-- A bucket and its part of one atid.
local function load_typed_bucket(key, lifetime, field, atid)
  local hash = hash_at(key, lifetime)
  local bucket = hash.buckets[field]
  local typed = bucket and bucket.typed[atid]
  if typed then return bucket, typed end
  local typed_field = field .. ':' .. id_text(atid)
  local typed_value
  if bucket then
    typed_value = redis.call('HGET', key, typed_field)
  else
    local values = redis.call('HMGET', key, field, typed_field)
    bucket, typed_value = new_bucket(hash, field, values[1]), values[2]
  end
  return bucket, new_typed(bucket, typed_field, atid, typed_value)
end

local function add_to_bucket(bucket, typed, sum, count)
  bucket.sum, bucket.count, bucket.dirty = bucket.sum + sum, bucket.count + count, true
  typed.sum = typed.sum + sum
end

-- Arguments of HSET and HDEL for what changed in one hash.
local function changed_fields(key, hash)
  local set, dropped, at = { 'HSET', key }, nil, 2
  if hash.activities_dirty then
    set[3], set[4], at = 'activities', hash.activities, 4
  end
  for field, bucket in pairs(hash.buckets) do
    if bucket.dirty then
      if bucket.count > 0 then
        set[at + 1], set[at + 2] = field, total_value(bucket.sum, bucket.count)
        at = at + 2
      elseif bucket.count_before > 0 then
        dropped = dropped or { 'HDEL', key }
        dropped[#dropped + 1] = field
      end
      for _, typed in pairs(bucket.typed) do
        if typed.sum ~= 0 then
          set[at + 1], set[at + 2] = typed.field, text(typed.sum)
          at = at + 2
        elseif typed.sum_before ~= 0 then
          dropped = dropped or { 'HDEL', key }
          dropped[#dropped + 1] = typed.field
        end
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

-- Write what changed: one HSET and at most one HDEL a hash. Reads nothing.
local function save_cells()
  for key, hash in pairs(hashes) do
    local set, at, dropped = changed_fields(key, hash)
    if at > 2 and at <= 1002 then
      redis.call(unpack(set, 1, at))
    else
      for from = 3, at, 1000 do
        redis.call('HSET', key, unpack(set, from, math.min(from + 999, at)))
      end
    end
    if dropped then redis.call(unpack(dropped)) end
    if hash.lifetime ~= 0 and (at > 2 or dropped) then save_lifetime(key, hash.lifetime) end
  end
end
