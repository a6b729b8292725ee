-- Pending: leaf records that a call changes, gathered by owner, thing and month, so that each
-- leaf is read and written once however many reports of the call meet in it.
-- Seldom: apply_pending
-- @include lib/work: spend_work, is_too_heavy
-- @include lib/leaf_tree: within_bound, apply_unit
-- @include lib/calendar: day_of
-- @include lib/cells: load_bucket
-- @include lib/units: unit_of_month
-- @include lib/writes: keep

-- Months by owner, thing and label, and in the order in which they were met.
local pending, pending_months = {}, {}

-- The labels of months that were met: columns and logs of a month are written once a call, some
-- 45 us, which a preview counts too, so that both part a batch in the same places.
local met, MONTH_WORK = {}, 20

local function meet_month(label)
  if met[label] then return end
  met[label] = true
  spend_work(MONTH_WORK)
end

-- What is noted of the month that holds a second.
local function pending_month(prefix, second)
  local day = day_of(second)
  local place = prefix .. day.month_label
  local month = pending[place]
  if not month then
    month = { prefix = prefix, unit = unit_of_month(second), changes = {}, by_record = {},
      total = load_bucket(prefix .. day.month_suffix, keep.month, day.month_field) }
    pending[place], pending_months[#pending_months + 1] = month, month
    meet_month(day.month_label)
  end
  return month
end

-- Note the moves { second, atid, before, after } of one activity.
local function note_changes(prefix, aid, moves)
  for at = 1, #moves do
    local move = moves[at]
    local month = pending_month(prefix, move[1])
    local record = move[1] .. '|' .. move[2] .. '|' .. aid
    local change = month.by_record[record]
    if change then
      change[5] = move[4]
    else
      change = { move[1], move[2], aid, move[3], move[4] }
      month.by_record[record] = change
      month.changes[#month.changes + 1] = change
    end
  end
end

-- The part of the changes that is sure to be within a call's work, when it was too much.
local applied_part = 1

-- Put all that was noted into the leaves; false when a total below a day passes the bound. Ends
-- early when the call is too heavy.
local function apply_pending()
  local months, done = 0, 0
  for _ in pairs(pending) do months = months + 1 end
  for _, month in pairs(pending) do
    if is_too_heavy() then
      applied_part = math.min(1, 2 * done / months)
      break
    end
    done = done + 1
    apply_unit(month.prefix, month.unit, month.total.count_before, month.total.count,
      month.changes)
  end
  return within_bound
end

-- The same where most calls have nothing of that.
local function apply_changes()
  if not next(pending) then return within_bound end
  return apply_pending()
end
