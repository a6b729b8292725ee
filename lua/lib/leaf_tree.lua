-- Leaf tree: carry changed bookings to the leaves where they belong, splitting a unit whose
-- bookings passed LEAF_RECORDS and joining one that fell back (see lib/units).
-- @include lib/leaf_take: take_records
-- @include lib/leaf_merge: merged_records, write_leaf_changes
-- @include lib/crowd_writes: write_crowd_changes
-- @include lib/cells: load_bucket, load_both, add_to_bucket
-- @include lib/crowd: crowd_key
-- @include lib/leaf: sort_records
-- @include lib/numbers: SUM_MAX
-- @include lib/units: BELOW, unit_below, is_split, is_crowded, totals_key_below, stands_split
-- @include lib/units: leaf_key
-- @include lib/work: is_too_heavy
-- @include lib/writes: keep, lifetime_at

-- Changes of a unit, by the unit below that holds them; mostly the one before has it too.
local function changes_below(unit, changes)
  local groups, order, size = {}, {}, BELOW[unit.level].size
  local group, stop = nil, -1
  for at = 1, #changes do
    local change = changes[at]
    local second = change[1]
    if second >= stop or second < group.unit.start then
      local below = unit_below(unit, second)
      group, stop = groups[below.label], below.start + size
      if not group then
        group = { unit = below, changes = {} }
        groups[below.label], order[#order + 1] = group, group
      end
    end
    group.changes[#group.changes + 1] = change
  end
  return order
end

-- Becomes false when an hour or minute passes the bound although its day does not.
local within_bound = true

-- Book changes into the totals of the units below (hours and minutes; days are booked with
-- the calendar's totals).
local function add_to_totals_below(key, groups)
  local lifetime = lifetime_at(key, 'second')
  for _, group in ipairs(groups) do
    local field, atid, bucket, part = tostring(group.unit.field), nil, nil, nil
    for _, change in ipairs(group.changes) do
      if change[2] ~= atid then
        atid = change[2]
        bucket, part = load_both(key, lifetime, field, atid)
      end
      local count = (change[5] ~= 0 and 1 or 0) - (change[4] ~= 0 and 1 or 0)
      add_to_bucket(bucket, part, change[5] - change[4], count)
      local largest = math.max(math.abs(bucket.sum), math.abs(part.sum))
      if largest > SUM_MAX then within_bound = false end
    end
  end
end

-- Changes that book records anew where nothing stands, `changes` put in.
local function as_changes(records, changes)
  sort_records(records)
  sort_records(changes)
  local merged = merged_records(records, changes)
  for at = 1, #merged do
    merged[at] = { merged[at][1], merged[at][2], merged[at][3], 0, merged[at][4] }
  end
  return merged
end

-- Put changes of one unit into leaves; count_before and count are its bookings in Redis and
-- after this call.
local function apply_unit(prefix, unit, count_before, count, changes)
  local was_split, splits = stands_split(prefix, unit, count_before), is_split(unit, count)
  local crowds = is_crowded(unit, count)
  local is_other = was_split ~= splits or is_crowded(unit, count_before) ~= crowds
  if is_other and count_before > 0 then
    changes = as_changes(take_records(prefix, unit, count_before, {}), changes)
  end
  if crowds then
    sort_records(changes)
    write_crowd_changes(crowd_key(prefix, unit), unit.start, changes)
    return
  elseif not splits then
    write_leaf_changes(leaf_key(prefix, unit), unit.start, changes)
    return
  end
  local groups = changes_below(unit, changes)
  local key = totals_key_below(prefix, unit)
  local lifetime = unit.level == 'month' and keep.day or lifetime_at(key, 'second')
  if unit.level ~= 'month' then add_to_totals_below(key, groups) end
  for _, group in ipairs(groups) do
    if is_too_heavy() then return end
    local below = load_bucket(key, lifetime, tostring(group.unit.field))
    apply_unit(prefix, group.unit, was_split and below.count_before or 0, below.count,
      group.changes)
  end
end
