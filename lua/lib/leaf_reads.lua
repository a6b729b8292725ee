-- Leaf reads: sums of the bookings between two seconds of a unit, wherever its leaves are.
-- Every read holds the number of bookings it found against the number that the total above
-- tells: fewer means that detail has expired, and the coarsest such level is kept in `lost`.
-- Seldom: note_lost, parts_sum, split_sum
-- @include lib/units: BELOW, unit_below, is_split, is_crowded, totals_key_below, stands_split
-- @include lib/units: leaf_key
-- @include lib/totals: read_total, read_sum
-- @include lib/crowd: crowd_key, crowd_leaf
-- @include lib/below: FIELDS_BELOW
-- @include lib/effort: spend, is_overspent
-- @include lib/hash_reads: named_values
-- @include lib/leaf: leaf_shape, leaf_position, leaf_sum
-- @include lib/numbers: SUM_MAX

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

-- A read of a leaf takes as long as so many fields.
local LEAF_STEPS = 5

local function leaf_at(key)
  if leaves[key] == nil then
    leaves[key] = redis.call('GET', key)
    spend(LEAF_STEPS)
  end
  return leaves[key]
end

-- The same of a unit that has `count` bookings and is not split.
local function leaf_of(prefix, unit, count)
  if not is_crowded(unit, count) then return leaf_at(leaf_key(prefix, unit)) end
  local key = crowd_key(prefix, unit)
  if leaves[key] == nil then leaves[key] = crowd_leaf(key) end
  return leaves[key]
end

-- Sum of some records of a leaf, of all atids or of a set.
local function records_sum(leaf, from, to, atids)
  spend(math.max(0, to - from))
  return leaf_sum(leaf, from, to, atids)
end

-- First and last + 1 record of [low, high) in a unit's leaf, or nil when records are missing.
local function leaf_slice(leaf, unit, count, low, high)
  local size = leaf_shape(leaf).size
  if (#leaf - 1) / size < count then return nil end
  return leaf_position(leaf, size, low - unit.start), leaf_position(leaf, size, high - unit.start)
end

-- Parts by atid of so many units and atids are named; of more they are picked out of the hash
-- where it has no more fields than that: to name one takes 0.5 us, to look at one 0.3 to 0.5.
local PARTS_NAMED = 64

local function picked_parts_sum(key, size, numbers, atids)
  spend(4 * size)
  if is_overspent() then return 0 end
  local wanted, all, sum = {}, redis.call('HGETALL', key), 0
  for _, number in ipairs(numbers) do wanted[number] = true end
  for at = 1, #all, 2 do
    local field = all[at]
    local split = string.find(field, ':', 1, true)
    if split and wanted[string.sub(field, 1, split - 1)]
      and atids.by_text[string.sub(field, split + 1)] then
      sum = added(sum, read_sum(all[at + 1]))
    end
  end
  return sum
end

-- What a set of atids has in units of a hash of totals.
local function parts_sum(key, numbers, atids)
  local wanted, sum = #numbers * #atids.texts, 0
  if wanted == 0 then return 0 end
  if wanted > PARTS_NAMED then
    local size = redis.call('HLEN', key)
    if size <= wanted then return picked_parts_sum(key, size, numbers, atids) end
    spend(2 * wanted)
    if is_overspent() then return 0 end
  end
  local fields = {}
  for _, number in ipairs(numbers) do
    for _, typed in ipairs(atids.texts) do fields[#fields + 1] = number .. typed end
  end
  for _, value in ipairs(named_values(key, fields)) do
    if value then sum = added(sum, read_sum(value)) end
  end
  return sum
end

local range_sum

-- Sum over [low, high) of a unit whose bookings are in leaves of the units below.
local function split_sum(prefix, unit, count, low, high, atids)
  local key, fields = totals_key_below(prefix, unit), FIELDS_BELOW[unit.level].fields
  local values, size, whole = named_values(key, fields), BELOW[unit.level].size, {}
  local sum, found = 0, 0
  for at = 1, #fields do
    local start = unit.start + (at - 1) * size
    local all, below_count = read_total(values[at])
    found = found + below_count
    if below_count > 0 and start < high and start + size > low then
      if start < low or start + size > high then
        sum = added(sum, range_sum(prefix, unit_below(unit, start), below_count, all,
          math.max(low, start), math.min(high, start + size), atids))
      elseif atids then
        whole[#whole + 1] = fields[at]
      else
        sum = added(sum, all)
      end
    end
  end
  if found < count then note_lost('day') end
  return atids and added(sum, parts_sum(key, whole, atids)) or sum
end

-- Sum over [low, high), both within the unit, of its `count` bookings that add up to `total`;
-- of a set of atids alone, if there is one. What lies outside is added up and taken off where it
-- is less.
function range_sum(prefix, unit, count, total, low, high, atids)
  if stands_split(prefix, unit, count) then
    return split_sum(prefix, unit, count, low, high, atids)
  end
  local leaf = leaf_of(prefix, unit, count)
  local from, to
  if leaf then from, to = leaf_slice(leaf, unit, count, low, high) end
  if not from then
    note_lost('day')
    return 0
  end
  if not atids and 2 * (to - from) > count then
    local records = (#leaf - 1) / leaf_shape(leaf).size
    return added(total, -added(records_sum(leaf, 0, from), records_sum(leaf, to, records)))
  end
  return added(records_sum(leaf, from, to, atids), 0)
end

-- The same for a part of a day; the day's bookings may still be in its month's leaf, and then
-- only the day's own need to be there.
local function day_sum(prefix, month, month_count, day, day_count, day_total, low, high, atids)
  if is_split(month, month_count) then
    return range_sum(prefix, day, day_count, day_total, low, high, atids)
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
  return added(records_sum(leaf, from, to, atids), 0)
end
