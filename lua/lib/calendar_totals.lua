-- Calendar totals: the year, month, day, ISO week and issuance week that hold a booking, each
-- over all atids and for its own.
-- @include lib/calendar
-- @include lib/cells
-- @include lib/ids

-- The ten cells of a booking at (second, atid), read once a call.
local function calendar_cells(prefix, second, atid)
  local day, typed = day_of(second), ':' .. id_text(atid)
  local issuance = issuance_week(second)
  local year_key = prefix .. ':y'
  local places = {
    year_key, tostring(day.year), keep.year,
    prefix .. ':m:' .. day.year, tostring(day.month), keep.month,
    prefix .. ':d:' .. day.month_label, tostring(day.date), keep.day,
    prefix .. ':' .. day.week_suffix, tostring(day.week), keep.week,
    prefix .. ':i:' .. math.floor(issuance / WEEKS_PER_KEY), tostring(issuance), keep.week,
  }
  local found = {}
  for at = 1, #places, 3 do
    local key, field = places[at], places[at + 1]
    local known = load_cells(key, places[at + 2], { field, field .. typed })
    found[#found + 1] = known[field]
    found[#found + 1] = known[field .. typed]
  end
  return found
end

-- Add moves { second, atid, before, after } to their totals, or leave all of them as they were
-- and return false when a sum would pass the bound.
local function add_moves(prefix, moves)
  local touched = {}
  for _, move in ipairs(moves) do
    local difference = move[4] - move[3]
    local count = (move[4] ~= 0 and 1 or 0) - (move[3] ~= 0 and 1 or 0)
    for _, cell in ipairs(calendar_cells(prefix, move[1], move[2])) do
      touched[#touched + 1] = { cell, difference, count }
      cell.sum = cell.sum + difference
    end
  end
  local fits = true
  for _, entry in ipairs(touched) do
    if math.abs(entry[1].sum) > SUM_MAX then fits = false end
  end
  for _, entry in ipairs(touched) do
    entry[1].sum = entry[1].sum - entry[2]
    if fits then add_to_cell(entry[1], entry[2], entry[3]) end
  end
  return fits
end
