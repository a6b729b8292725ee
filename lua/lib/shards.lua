-- Shards: the hashes over which the activities of one owner and thing are spread, so that each
-- stays small (a packed hash of about SHARD_ACTIVITIES fields) however many there are. Linear
-- hashing: the number of shards follows from the number of activities, and grows by one.
-- Seldom: grow_shards
-- @include lib/numbers: small_text
-- @include lib/work: spend_work, is_too_heavy
-- @include lib/writes: write_command, keep_at

local SHARD_ACTIVITIES = 96

-- What each activity of a shard costs when it is parted.
local GROWTH_WORK = 1.5

local function shard_count(activities)
  return math.max(1, math.ceil(activities / SHARD_ACTIVITIES))
end

local UNSIGNED = { '>I1', '>I2', nil, '>I4' }

-- 16 bits of a packed aid, spread by a multiplication that stays exact in doubles.
local function aid_hash(aid)
  local low, high
  if #aid < 8 then
    low = struct.unpack(UNSIGNED[#aid], aid)
  else
    high, low = struct.unpack('>I4I4', aid)
    low = (low + high * 65599) % 4294967296
  end
  return math.floor((low * 40503) % 4294967296 / 65536)
end

-- Largest power of two that is not above a number >= 1.
local function power_below(number)
  local power = 1
  while power * 2 <= number do power = power * 2 end
  return power
end

local function shard_of(aid, shards)
  if shards == 1 then return 0 end
  local power = power_below(shards)
  local hash = aid_hash(aid)
  local shard = hash % (power * 2)
  if shard >= shards then shard = hash % power end
  return shard
end

local function shard_key(prefix, shard)
  return prefix .. ':a:' .. small_text(shard)
end

-- Note the moves of the activities of a shard that belong in another one from now on.
local function move_activities(key, fields, target, shard, shards)
  local set, dropped = { 'HSET', target }, { 'HDEL', key }
  for at = 1, #fields, 2 do
    local aid = fields[at]
    if shard_of(aid, shards) == shard then
      local size = #set
      set[size + 1], set[size + 2], dropped[#dropped + 1] = aid, fields[at + 1], aid
      if size > 1000 then
        write_command(set)
        write_command(dropped)
        set, dropped = { 'HSET', target }, { 'HDEL', key }
      end
    end
  end
  if #dropped > 2 then
    write_command(set)
    write_command(dropped)
  end
end

-- Note the moves that growing from one number of shards to another asks for.
local function grow_shards(prefix, before, after)
  for shard = before, after - 1 do
    -- Read only so that a key of a foreign type fails before anything is written.
    redis.call('HLEN', shard_key(prefix, shard))
    -- A parent that itself comes from this growth has nothing in Redis yet: look further up.
    local parent = shard - power_below(shard)
    while parent >= before do parent = parent - power_below(parent) end
    local key = shard_key(prefix, parent)
    -- Aids can be picked that all fall into one shard.
    spend_work(GROWTH_WORK * redis.call('HLEN', key))
    if is_too_heavy() then return end
    move_activities(key, redis.call('HGETALL', key), shard_key(prefix, shard), shard, after)
    keep_at(shard_key(prefix, shard), 'activity')
  end
end
