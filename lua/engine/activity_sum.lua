-- Sum one activity's bookings over a range.
-- KEYS[1]  root of the owner's keys
-- ARGV[1]  thing number
-- ARGV[2]  packed aid
-- ARGV[3]  first second of the range
-- ARGV[4]  second after its last
-- ARGV[5]  packed atid to filter by, or an empty string for all
-- Returns: the sum, an integer
-- Errors: PSD_OUT_OF_BOUNDS a sum passes +-(2^53 - 1); PSD_TOO_LARGE the activity has more in the
--         range than lib/effort allows to read
-- Mode: read
-- Idempotent: yes
-- Cost: O(log hours of the activity) and at most two hours' records; with an atid O(its hours) and
--       the reports of those that the range meets
-- @include lib/activity: HOUR_S, directory_key, hour_key, unpack_records, load_activity
-- @include lib/activity: part_number, part_of, loaded_part
-- @include lib/activity_hours: sum_of_hours
-- @include lib/effort: spend, is_overspent
-- @include lib/numbers: SUM_MAX

local range_start, range_end = tonumber(ARGV[3]), tonumber(ARGV[4])
local atid = ARGV[5] ~= '' and ARGV[5] or nil

-- What an hour of a directory without blocks takes: its entry is unpacked and sorted among others.
local UNSORTED_HOUR_STEPS = 50

local in_bounds = true

local function added(a, b)
  if math.abs(a + b) > SUM_MAX then in_bounds = false end
  return a + b
end

local function records_sum(flat)
  local sum = 0
  spend(5 * #flat / 4)
  for slot = 1, #flat, 4 do
    if flat[slot] >= range_start and flat[slot] < range_end
      and (not atid or flat[slot + 2] == atid) then
      sum = added(sum, flat[slot + 3])
    end
  end
  return sum
end

-- Of one atid: every hour that the range meets is read.
local function sum_of_atid(activity)
  local directory, sum = directory_key(activity), 0
  spend(5 * redis.call('HLEN', directory))
  if is_overspent() then return 0 end
  for _, name in ipairs(redis.call('HKEYS', directory)) do
    local number = tonumber(name)
    if number and number * HOUR_S < range_end and (number + 1) * HOUR_S > range_start then
      spend(10)
      if is_overspent() then return 0 end
      local packed = redis.call('GET', hour_key(activity, name)) or ''
      sum = added(sum, records_sum(unpack_records(packed)))
    end
  end
  return sum
end

-- Of all atids: whole hours from the directory, those that the range cuts by their records.
local function sum_of_all(activity)
  local first = math.max(part_number(activity, range_start), part_number(activity, activity.first))
  local last = math.min(part_number(activity, range_end - 1), part_number(activity, activity.last))
  if first > last then return 0 end
  if not activity.has_blocks then
    spend(UNSORTED_HOUR_STEPS * redis.call('HLEN', directory_key(activity)))
    if is_overspent() then return 0 end
  end
  local sum, low, high = 0, first, last + 1
  if range_start > first * HOUR_S then low = first + 1 end
  if range_end < (last + 1) * HOUR_S then high = last end
  for number = first, last, math.max(last - first, 1) do
    if (number < low or number >= high) and part_of(activity, number).summary[1] > 0 then
      sum = added(sum, records_sum(loaded_part(activity, number).flat))
    end
  end
  return low < high and added(sum, sum_of_hours(activity, low, high)) or sum
end

local function sum_of(activity)
  if not activity.long then return records_sum(activity.hours[0].flat) end
  return atid and sum_of_atid(activity) or sum_of_all(activity)
end

local sum = range_start < range_end
  and sum_of(load_activity(KEYS[1] .. ':' .. ARGV[1], ARGV[2])) or 0
if is_overspent() then
  return redis.error_reply('PSD_TOO_LARGE range: the activity has more than a call may read')
end
if not in_bounds then
  return redis.error_reply('PSD_OUT_OF_BOUNDS sum: the range adds up past +-(2^53 - 1)')
end
return sum
