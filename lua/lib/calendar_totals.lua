-- Calendar totals: the year, month, day, ISO week and issuance week that hold a booking, each
-- over all atids and for its own. Both kinds of week share a hash: "15" is ISO week 15, "i15"
-- the issuance week that begins on that week's Monday at 05:00.
-- @include lib/calendar: ISSUANCE_OFFSET_S, day_of
-- @include lib/cells: load_week_pair, load_both, load_day, add_to_bucket
-- @include lib/numbers: SUM_MAX
-- @include lib/writes: keep

local found_buckets = {}

-- The five buckets of a booking at (second, atid), each followed by its part of the atid.
local function calendar_buckets(prefix, second, atid)
  local day, issued = day_of(second), day_of(second - ISSUANCE_OFFSET_S)
  local place = prefix .. day.label .. issued.week_field .. atid
  local found = found_buckets[place]
  if found then return found end
  local y, y_part = load_both(prefix .. ':y', keep.year, day.year_field, atid)
  local m, m_part = load_both(prefix .. day.month_suffix, keep.month, day.month_field, atid)
  local d, d_part = load_day(prefix .. day.day_suffix, day.date_field, atid)
  if day.week_suffix == issued.week_suffix then
    load_week_pair(prefix .. day.week_suffix, day.week_field, issued.issuance_field, atid)
  end
  local w, w_part = load_both(prefix .. day.week_suffix, keep.week, day.week_field, atid)
  local i, i_part = load_both(prefix .. issued.week_suffix, keep.week, issued.issuance_field, atid)
  found = { y, y_part, m, m_part, d, d_part, w, w_part, i, i_part }
  found_buckets[place] = found
  return found
end

-- Whether the ten totals of a move stay within the bound with `sum` more.
local function totals_fit(found, sum)
  for at = 1, 10 do
    local total = found[at].sum + sum
    if total > SUM_MAX or total < -SUM_MAX then return false end
  end
  return true
end

local function add_to_totals(found, sum, count)
  for at = 1, 10, 2 do add_to_bucket(found[at], found[at + 1], sum, count) end
end

-- Add moves { second, atid, before, after } to their totals, or leave all of them as they were
-- and return false. What was added before a move that does not fit was within the bound, so it
-- is taken off again exactly.
local function add_moves(prefix, moves)
  for at = 1, #moves do
    local move = moves[at]
    local before, after = move[3], move[4]
    local found = calendar_buckets(prefix, move[1], move[2])
    if not totals_fit(found, after - before) then
      for added = 1, at - 1 do
        local undone = moves[added]
        add_to_totals(calendar_buckets(prefix, undone[1], undone[2]), undone[3] - undone[4],
          (undone[3] ~= 0 and 1 or 0) - (undone[4] ~= 0 and 1 or 0))
      end
      return false
    end
    add_to_totals(found, after - before, (after ~= 0 and 1 or 0) - (before ~= 0 and 1 or 0))
  end
  return true
end
