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
-- Cost: O(hours of the activity) and at most two hours' records; with an atid O(its reports)
-- @include lib/activity: HOUR_S, directory_key, load_activity, part_of, loaded_part, part_numbers
-- @include lib/effort: spend, is_overspent
-- @include lib/numbers: SUM_MAX

local prefix = KEYS[1] .. ':' .. ARGV[1]
local range_start, range_end = tonumber(ARGV[3]), tonumber(ARGV[4])
local atid = ARGV[5] ~= '' and ARGV[5] or nil

local in_bounds = true

-- The numbers of an activity's hours; none where these are too many.
local function hours_of(activity)
  if not activity.long then return {} end
  spend(3 * redis.call('HLEN', directory_key(activity)))
  return is_overspent() and {} or part_numbers(activity)
end

local function records_sum(flat)
  local sum = 0
  for slot = 1, #flat, 4 do
    if flat[slot] >= range_start and flat[slot] < range_end
      and (not atid or flat[slot + 2] == atid) then
      sum = sum + flat[slot + 3]
      if math.abs(sum) > SUM_MAX then in_bounds = false end
    end
  end
  return sum
end

local activity = load_activity(prefix, ARGV[2])
local sum = 0
if not activity.long then sum = records_sum(activity.hours[0].flat) end
for _, number in ipairs(hours_of(activity)) do
  local start = number * HOUR_S
  if start < range_end and start + HOUR_S > range_start then
    if start >= range_start and start + HOUR_S <= range_end and not atid then
      sum = sum + part_of(activity, number).summary[2]
    else
      spend(5 * part_of(activity, number).summary[1])
      if is_overspent() then break end
      sum = sum + records_sum(loaded_part(activity, number).flat)
    end
  end
  if math.abs(sum) > SUM_MAX then in_bounds = false end
end
if is_overspent() then
  return redis.error_reply('PSD_TOO_LARGE range: the activity has more than a call may read')
end
if not in_bounds then
  return redis.error_reply('PSD_OUT_OF_BOUNDS sum: the range adds up past +-(2^53 - 1)')
end
return sum
