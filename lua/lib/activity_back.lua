-- Activity back: what one activity has booked of a thing, to be taken back: all of it, or of a
-- long activity portion by portion, the earliest first. What was taken so far stands in the field
-- "took" of its directory, and while it does, no report of the activity is booked any more.
-- @include lib/activity_hours: find_hour
-- @include lib/activity: HOUR_S, pack_records, summary_of, directory_key, hour_key, loaded_part
-- @include lib/activity: part_numbers
-- @include lib/work: spend_work
-- @include lib/writes: write, keep_at

-- Take the first `records` of a list into `back`: the moves { second, atid, before, after }, their
-- sum and how many bookings vanish, the first and last second, and the atid of the first.
local function take_back(back, flat, records)
  local slot, stop = 1, records * 4
  while slot <= stop do
    local second, before, taken, order, at = flat[slot], {}, {}, {}, slot
    while flat[at] == second do
      local atid = flat[at + 2]
      if not before[atid] then order[#order + 1] = atid end
      before[atid] = (before[atid] or 0) + flat[at + 3]
      if at <= stop then taken[atid] = (taken[atid] or 0) + flat[at + 3] end
      at = at + 4
    end
    for _, atid in ipairs(order) do
      local change = taken[atid] or 0
      local after = before[atid] - change
      if change ~= 0 then
        spend_work(10)
        back.moves[#back.moves + 1] = { second, atid, before[atid], after }
        back.sum, back.last = back.sum + change, second
        back.first, back.atid = back.first or second, back.atid or atid
        back.number = back.number + (before[atid] ~= 0 and 1 or 0) - (after ~= 0 and 1 or 0)
      end
    end
    slot = at
  end
end

-- What was taken back of an activity by earlier calls, with no moves of this one.
local function taken_before(activity)
  local back = { moves = {}, sum = 0, number = 0, is_cut = false }
  if activity.took then
    back.sum, back.number, back.first, back.last, back.atid = cmsgpack.unpack(activity.took)
  end
  return back
end

-- All that is left of an activity. `is_cut` when reports have expired: what they booked is then
-- unknown.
local function bookings_back(activity)
  local back, records = taken_before(activity), 0
  for _, number in ipairs(part_numbers(activity)) do
    local flat = loaded_part(activity, number).flat
    records = records + #flat / 4
    take_back(back, flat, #flat / 4)
  end
  back.is_cut = activity.is_lost or activity.long and records < activity.count
  return back
end

-- Note the writes that take the first `records` out of an hour; what is left of it.
local function write_rest(activity, part, records)
  local key, rest = hour_key(activity, part.number), {}
  for at = records * 4 + 1, #part.flat do rest[#rest + 1] = part.flat[at] end
  if #rest > 0 then
    write('SET', key, pack_records(rest))
    keep_at(key, 'activity')
    write('HSET', directory_key(activity), tostring(part.number),
      cmsgpack.pack(unpack(summary_of(rest))))
  else
    write('DEL', key)
    write('HDEL', directory_key(activity), tostring(part.number))
  end
  for slot = 1, records * 4, 4 do activity.total = activity.total - part.flat[slot + 3] end
  activity.count = activity.count - records
  activity.first = rest[1] or (part.number + 1) * HOUR_S
end

local function has_records(summary)
  return summary[1] > 0
end

-- The earliest records of a long activity, up to so many but never all of them: what they booked,
-- and the writes that take them out of the activity. Blocks of hours are left as they are: they
-- are only looked through for what is left.
local function portion_back(activity, most)
  local back, left = taken_before(activity), math.min(most, activity.count - 1)
  local hour = math.floor(activity.first / HOUR_S)
  while left > 0 do
    local number = find_hour(activity, hour, has_records)
    local part = number and loaded_part(activity, number)
    if not part or #part.flat / 4 < part.summary[1] then
      back.is_cut = true
      return back
    end
    local records = math.min(left, #part.flat / 4)
    spend_work(10)
    take_back(back, part.flat, records)
    write_rest(activity, part, records)
    left, hour = left - records, number + 1
  end
  local all = { activity.total, activity.count, activity.first, activity.last,
    activity.hour_count }
  write('HSET', directory_key(activity), 'all', cmsgpack.pack(unpack(all)), 'took',
    cmsgpack.pack(back.sum, back.number, back.first, back.last, back.atid))
  keep_at(directory_key(activity), 'activity')
  return back
end
