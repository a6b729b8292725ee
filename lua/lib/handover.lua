-- Handover: an owner's bookings of a thing in a range as they stand packed in leaves, in the order
-- of time. What Lua would look at record by record holds Redis for 0.2 us each; handed over as
-- bytes it is 0.03 us, and whoever asked reads them. First the totals tell which leaves there are
-- and what they hold, so that too much is refused before anything is read.
-- @include lib/leaf_reads: note_lost
-- @include lib/below: FIELDS_BELOW, month_starts, years_met
-- @include lib/crowd: crowd_key, crowd_leaf
-- @include lib/effort: spend, spend_on_handing, is_page_spent, is_overspent
-- @include lib/hash_reads: named_values, number_texts
-- @include lib/leaf: leaf_shape, leaf_position
-- @include lib/totals: read_total
-- @include lib/units: BELOW, is_crowded, totals_key_below, stands_split, leaf_key

-- What is to be handed over: leaves' keys, first seconds, ends and numbers of bookings, and where
-- it was cut because `most` bookings were reached; `bookings` are those of all units that were met.
local function new_handover(low, high, most)
  return { low = low, high = high, most = most, keys = {}, starts = {}, stops = {}, counts = {},
    crowds = {}, months = {}, met = 0, inside = 0, bookings = 0, cut = false }
end

-- A crowded second of more bookings ends what may be cut; it is scanned by whoever reads.
local CROWD_HANDED = 20000

local function add_leaf(handover, prefix, unit, stop, count)
  local at, is_crowd = #handover.keys + 1, is_crowded(unit, count)
  local may_cut = handover.most < math.huge
  local is_full = at > 1 and (handover.bookings >= handover.most or is_page_spent())
  if may_cut and (is_full or is_crowd and count > CROWD_HANDED) then
    handover.cut = unit.start
    return
  end
  handover.keys[at] = is_crowd and crowd_key(prefix, unit) or leaf_key(prefix, unit)
  handover.starts[at], handover.stops[at] = unit.start, stop
  handover.counts[at], handover.crowds[at] = count, is_crowd
  handover.bookings = handover.bookings + count
  spend_on_handing(count)
  if is_crowd then spend(2 * count) end
end

local walk_below

-- Past what one owner may take units are only counted, so that the refusal tells how many.
local function walk_unit(handover, prefix, unit, stop, count)
  if is_overspent() then
    handover.bookings = handover.bookings + count
  elseif stands_split(prefix, unit, count) then
    walk_below(handover, prefix, unit, count)
  else
    add_leaf(handover, prefix, unit, stop, count)
  end
end

-- The leaves of the units below one whose bookings are split.
function walk_below(handover, prefix, unit, count)
  local named, below = FIELDS_BELOW[unit.level], BELOW[unit.level]
  local values, counted = named_values(totals_key_below(prefix, unit), named.fields), 0
  local labels, size, low, high = named.labels, below.size, handover.low, handover.high
  for at = 1, #labels do
    if values[at] then
      local _, below_count = read_total(values[at])
      local start = unit.start + (at - 1) * size
      counted = counted + below_count
      if start < high and start + size > low and not handover.cut then
        local part = { level = below.level, label = unit.label .. labels[at], start = start }
        walk_unit(handover, prefix, part, start + size, below_count)
      end
    end
  end
  if counted < count then note_lost(named.resolution) end
end

-- Note the months of a year that the range meets, and how many bookings they have.
local function note_months(handover, prefix, year, count)
  local values, counted = named_values(prefix .. ':m:' .. year, FIELDS_BELOW.year.fields), 0
  local starts, labels = month_starts(year), FIELDS_BELOW.year.labels
  for month = 1, 12 do
    if values[month] then
      local _, below_count = read_total(values[month])
      local start, stop = starts[month], starts[month + 1]
      counted = counted + below_count
      if start < handover.high and stop > handover.low then
        handover.months[#handover.months + 1] = { stop = stop, count = below_count,
          unit = { level = 'month', label = year .. labels[month], start = start } }
        handover.met = handover.met + below_count
        local is_inside = start >= handover.low and stop <= handover.high
        handover.inside = handover.inside + (is_inside and below_count or 0)
      end
    end
  end
  if counted < count then note_lost('year') end
end

-- An owner's months with bookings of a thing in the range, until `most` are inside: they have `met`
-- bookings at most, `inside` at least.
local function months_met(prefix, low, high, most)
  local handover = new_handover(low, high, most)
  local first, last = years_met(low, high)
  local values = named_values(prefix .. ':y', number_texts(first, last))
  for year = first, last do
    local value = values[year - first + 1]
    if value and handover.inside < most then
      local _, count = read_total(value)
      note_months(handover, prefix, year, count)
    end
  end
  return handover
end

-- Which leaves hold the bookings of these months.
local function walk_months(handover, prefix)
  for _, month in ipairs(handover.months) do
    if handover.cut then return end
    walk_unit(handover, prefix, month.unit, month.stop, month.count)
  end
end

-- The part of a leaf within [low, high), nil for none.
local function part_of_leaf(leaf, start, low, high)
  local size = leaf_shape(leaf).size
  local from, to = leaf_position(leaf, size, low - start), leaf_position(leaf, size, high - start)
  if from >= to then return nil end
  return string.sub(leaf, 1, 1) .. string.sub(leaf, from * size + 2, to * size + 1)
end

-- First seconds of leaves and the leaves, by turns.
local function handed_over(handover)
  local parts, low, high = {}, handover.low, handover.high
  for at = 1, #handover.keys do
    local key, start = handover.keys[at], handover.starts[at]
    local leaf
    if handover.crowds[at] then leaf = crowd_leaf(key) else leaf = redis.call('GET', key) end
    if not leaf or (#leaf - 1) / leaf_shape(leaf).size < handover.counts[at] then
      note_lost('day')
      return parts
    end
    if start < low or handover.stops[at] > high then leaf = part_of_leaf(leaf, start, low, high) end
    if leaf then
      local next_at = #parts
      parts[next_at + 1], parts[next_at + 2] = start, leaf
    end
  end
  return parts
end
