-- Leaf reads: sums of the bookings between two seconds of a unit, wherever its leaves are.
-- Every read holds the number of bookings it found against the number that the total above
-- tells: fewer means that detail has expired, and the coarsest such level is kept in `lost`.
-- @include lib/units
-- @include lib/totals
-- @include lib/crowd

local LOST_ORDER = { day = 1, month = 2, year = 3 }
local lost = false

-- Note that only totals of this level are still whole.
local function note_lost(resolution)
  if not lost or LOST_ORDER[resolution] > LOST_ORDER[lost] then lost = resolution end
end

-- a + b; what passes the bound on its way is refused in the end, since it may have been rounded.
local in_bounds = true

local function added(a, b)
  local sum = a + b
  if sum > SUM_MAX or sum < -SUM_MAX then in_bounds = false end
  return sum
end

local leaves = {}

local function leaf_at(key)
  if leaves[key] == nil then leaves[key] = redis.call('GET', key) end
  return leaves[key]
end

-- The same of a unit that has `count` bookings and is not split.
local function leaf_of(prefix, unit, count)
  if not is_crowded(unit, count) then return leaf_at(leaf_key(prefix, unit)) end
  local key = crowd_key(prefix, unit)
  if leaves[key] == nil then leaves[key] = crowd_leaf(key) end
  return leaves[key]
end

-- First and last + 1 record of [low, high) in a unit's leaf, or nil when records are missing.
local function leaf_slice(leaf, unit, count, low, high)
  local size = leaf_shape(leaf).size
  if (#leaf - 1) / size < count then return nil end
  return leaf_position(leaf, size, low - unit.start), leaf_position(leaf, size, high - unit.start)
end

local range_sum

-- Sum over [low, high) of a unit whose bookings are in leaves of the units below.
local function split_sum(prefix, unit, count, low, high, atid)
  local key = totals_key_below(prefix, unit)
  local size, numbers = BELOW[unit.level].size, BELOW[unit.level].last + 1
  local fields = {}
  for number = 0, numbers - 1 do fields[number + 1] = tostring(number) end
  if atid then
    for number = 1, numbers do fields[numbers + number] = fields[number] .. ':' .. id_text(atid) end
  end
  local values = redis.call('HMGET', key, unpack(fields))
  local sum, found = 0, 0
  for number = 0, numbers - 1 do
    local start = unit.start + number * size
    local all, below_count = read_total(values[number + 1])
    found = found + below_count
    if below_count > 0 and start < high and start + size > low then
      if start >= low and start + size <= high then
        sum = added(sum, atid and read_sum(values[numbers + number + 1]) or all)
      else
        sum = added(sum, range_sum(prefix, unit_below(unit, start), below_count, all,
          math.max(low, start), math.min(high, start + size), atid))
      end
    end
  end
  if found < count then note_lost('day') end
  return sum
end

-- Sum over [low, high), both within the unit, of its `count` bookings that add up to `total`;
-- with an atid of it alone. What lies outside is added up and taken off where it is less.
function range_sum(prefix, unit, count, total, low, high, atid)
  if stands_split(prefix, unit, count) then
    return split_sum(prefix, unit, count, low, high, atid)
  end
  local leaf = leaf_of(prefix, unit, count)
  local from, to
  if leaf then from, to = leaf_slice(leaf, unit, count, low, high) end
  if not from then
    note_lost('day')
    return 0
  end
  if not atid and 2 * (to - from) > count then
    local records = (#leaf - 1) / leaf_shape(leaf).size
    return added(total, -added(leaf_sum(leaf, 0, from), leaf_sum(leaf, to, records)))
  end
  return added(leaf_sum(leaf, from, to, atid), 0)
end

-- The same for a part of a day; the day's bookings may still be in its month's leaf, and then
-- only the day's own need to be there.
local function day_sum(prefix, month, month_count, day, day_count, day_total, low, high, atid)
  if is_split(month, month_count) then
    return range_sum(prefix, day, day_count, day_total, low, high, atid)
  end
  local leaf = leaf_at(leaf_key(prefix, month))
  if not leaf then
    note_lost('day')
    return 0
  end
  local from, to = leaf_slice(leaf, month, 0, low, high)
  local size = leaf_shape(leaf).size
  if (#leaf - 1) / size < month_count then
    local first, last = leaf_slice(leaf, month, 0, day.start, day.start + 86400)
    if last - first < day_count then note_lost('day') end
  end
  return added(leaf_sum(leaf, from, to, atid), 0)
end
