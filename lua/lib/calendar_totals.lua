-- Calendar totals: the year, month, day, ISO week and issuance week that hold a booking, each
-- over all atids and for its own. Both kinds of week share a hash: "15" is ISO week 15, "i15"
-- the issuance week that begins on that week's Monday at 05:00.
-- @include lib/calendar
-- @include lib/cells

local found_buckets = {}

-- The five buckets of a booking at (second, atid), each followed by its part of the atid.
local function calendar_buckets(prefix, second, atid)
  local day, issued = day_of(second), day_of(second - ISSUANCE_OFFSET_S)
  local place = prefix .. day.label .. issued.week_field .. atid
  local found = found_buckets[place]
  if found then return found end
  local y, y_typed = load_typed_bucket(prefix .. ':y', keep.year, day.year_field, atid)
  local m, m_typed =
    load_typed_bucket(prefix .. day.month_suffix, keep.month, day.month_field, atid)
  local d, d_typed = load_typed_bucket(prefix .. day.day_suffix, keep.day, day.date_field, atid)
  if day.week_suffix == issued.week_suffix then
    load_week_pair(prefix .. day.week_suffix, day.week_field, issued.issuance_field, atid)
  end
  local w, w_typed = load_typed_bucket(prefix .. day.week_suffix, keep.week, day.week_field, atid)
  local i, i_typed =
    load_typed_bucket(prefix .. issued.week_suffix, keep.week, issued.issuance_field, atid)
  found = { y, y_typed, m, m_typed, d, d_typed, w, w_typed, i, i_typed }
  found_buckets[place] = found
  return found
end

-- Add a move { second, atid, before, after } to its totals, `direction` times; false when one of
-- them passes the bound.
local function add_move_to_totals(prefix, move, direction)
  local before, after = move[3], move[4]
  local sum = (after - before) * direction
  local count = ((after ~= 0 and 1 or 0) - (before ~= 0 and 1 or 0)) * direction
  local found, fits = calendar_buckets(prefix, move[1], move[2]), true
  for at = 1, 10, 2 do
    local bucket, typed = found[at], found[at + 1]
    add_to_bucket(bucket, typed, sum, count)
    if math.abs(bucket.sum) > SUM_MAX or math.abs(typed.sum) > SUM_MAX then fits = false end
  end
  return fits
end

-- Add moves to their totals, or leave all as they were and return false.
local function add_moves(prefix, moves)
  local fits = true
  for at = 1, #moves do fits = add_move_to_totals(prefix, moves[at], 1) and fits end
  if fits then return true end
  for at = 1, #moves do add_move_to_totals(prefix, moves[at], -1) end
  return false
end
