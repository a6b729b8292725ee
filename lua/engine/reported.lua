-- Read what reports stand: of each asked window of an activity its atid and value, as the next
-- report of that window would replace them.
-- KEYS[1]  root of the owner's keys
-- ARGV[1]  msgpack array of windows, each [thing, aid, ts1, ts2]: thing a number, aid a packed
--          id, times Unix seconds
-- ARGV[2]  records that may be read before the call ends, at least 1
-- Returns: list, window by window in their order: 0 where none stands, [atid as text, value] of
--          one that does, 1 of an activity that was withdrawn. Shorter than asked once as much was
--          done as ARGV[2] records take to read, but never empty
-- Errors: a key of a foreign type fails
-- Mode: read
-- Idempotent: yes
-- Cost: O(log n) a window and O(records of each hour that is read: its own, and that in which it
--       begins); 1,000 windows and 10,000 records, and at most two full hours more
-- @include lib/replay: sum_back, sum_of_earlier_parts
-- @include lib/activity: load_activity, part_number, loaded_part
-- @include lib/ids: id_text
-- @include lib/work: work_spent

-- What is counted as work comes to that of so many records.
local RECORDS_OF_WORK = 2

local root, records_left = KEYS[1], tonumber(ARGV[2])

-- Slot of the first record that is not before (second, window), by halving.
local function slot_of(flat, second, window)
  local low, high = 0, #flat / 4
  while low < high do
    local middle = math.floor((low + high) / 2)
    local at = middle * 4 + 1
    if flat[at] < second or (flat[at] == second and flat[at + 1] < window) then
      low = middle + 1
    else
      high = middle
    end
  end
  return low * 4 + 1
end

local function standing(thing, aid, ts1, ts2)
  local activity = load_activity(root .. ':' .. thing, aid)
  if activity.withdrawn or activity.took then return 1 end
  local number = part_number(activity, ts2)
  local flat = loaded_part(activity, number).flat
  local slot = slot_of(flat, ts2, ts2 - ts1)
  if flat[slot] ~= ts2 or flat[slot + 1] ~= ts2 - ts1 then return 0 end
  records_left = records_left - (slot - slot_of(flat, ts1, -1)) / 4
  local value = flat[slot + 3] + sum_back(flat, slot, ts1)
    + sum_of_earlier_parts(activity, number, ts1)
  return { id_text(flat[slot + 2]), value }
end

local found = {}
for _, window in ipairs(cmsgpack.unpack(ARGV[1])) do
  if records_left <= RECORDS_OF_WORK * work_spent() then break end
  found[#found + 1] = standing(unpack(window))
  records_left = records_left - 1
end
return found
