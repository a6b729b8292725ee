-- Activity commit: take a plan (lib/replay) into the activities of this call.
-- @include lib/activity_hours: BLOCKS, load_entries
-- @include lib/numbers: SUM_MAX
-- @include lib/work: spend_work

-- Bookings past the bound would not survive Redis's doubles, nor what is added to totals by them.
local function plan_fits(plan)
  if math.abs(plan.record[4]) > SUM_MAX or math.abs(plan.change) > SUM_MAX then return false end
  for _, edit in ipairs(plan.edits) do
    local change = edit[3] - edit[1].flat[edit[2] + 3]
    if math.abs(edit[3]) > SUM_MAX or math.abs(change) > SUM_MAX then return false end
  end
  for _, move in ipairs(plan.moves) do
    if math.abs(move[4]) > SUM_MAX or math.abs(move[4] - move[3]) > SUM_MAX then return false end
  end
  return true
end

-- Put four slots for one more record into a list.
local function make_room(flat, slot)
  spend_work((#flat - slot) / 64)
  for at = #flat, slot, -1 do flat[at + 4] = flat[at] end
end

local function add_to_entry(entry, records, sum, start)
  entry[1], entry[2] = entry[1] + records, entry[2] + sum
  entry[3], entry[4] = math.min(entry[3], start), math.max(entry[4], start)
end

-- Count what changed in an hour: records more, `sum` more, a window that starts at `start`.
local function note_hour(activity, part, records, sum, start)
  if part.summary[1] == 0 then
    activity.new_hours = (activity.new_hours or 0) + 1
    local order = activity.order
    if order then
      order[#order + 1] = part.number
      if #order > 1 and order[#order - 1] > part.number then table.sort(order) end
    end
    if activity.has_blocks then activity.hour_count = activity.hour_count + 1 end
  end
  add_to_entry(part.summary, records, sum, start)
  if not activity.has_blocks then return end
  for _, level in ipairs(BLOCKS) do
    local number = math.floor(part.number / level.hours)
    local entries = load_entries(activity, level, number, number)
    entries[number] = entries[number] or { 0, 0, math.huge, -math.huge }
    add_to_entry(entries[number], records, sum, start)
    activity.dirty_blocks[level.name .. number] = entries[number]
  end
end

local function commit_plan(plan)
  local activity, part, record = plan.activity, plan.part, plan.record
  if plan.is_same then return end
  activity.dirty, part.dirty = true, true
  local flat, slot = part.flat, plan.slot
  local booked, total = record[4], 0
  for _, edit in ipairs(plan.edits) do
    local holder, at = edit[1], edit[2]
    local change = edit[3] - holder.flat[at + 3]
    holder.flat[at + 3] = edit[3]
    holder.changed, holder.dirty, total = true, true, total + change
    if activity.long then
      note_hour(activity, holder, 0, change, holder.flat[at] - holder.flat[at + 1])
    end
  end
  if plan.replaces then
    booked = booked - flat[slot + 3]
    flat[slot + 2], flat[slot + 3] = record[3], record[4]
    part.changed = true
  else
    if slot <= #flat then
      part.changed = true
      make_room(flat, slot)
    end
    for at = 1, 4 do flat[slot + at - 1] = record[at] end
  end
  if not activity.long then return end
  local added = plan.replaces and 0 or 1
  note_hour(activity, part, added, booked, record[1] - math.max(record[2], 0))
  activity.total, activity.count = activity.total + total + booked, activity.count + added
  activity.first = math.min(activity.first, record[1])
  activity.last = math.max(activity.last, record[1])
end
