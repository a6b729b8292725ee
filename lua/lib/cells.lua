-- Cells: the totals that one call touches, read once and written once. cells[key][field] has
-- the sum and count now, and the count that Redis still holds (count_before).
-- @include lib/totals
-- @include lib/writes

local cells = {}
local lifetimes = {}

-- Read fields of one hash that are not known yet; absent fields become empty cells.
local function load_cells(key, lifetime, fields)
  local known = cells[key]
  if not known then
    known = {}
    cells[key] = known
    lifetimes[key] = lifetime
  end
  local missing = {}
  for at = 1, #fields do
    if not known[fields[at]] then missing[#missing + 1] = fields[at] end
  end
  if #missing > 0 then
    local values = redis.call('HMGET', key, unpack(missing))
    for at = 1, #missing do
      local sum, count = read_total(values[at])
      known[missing[at]] = { sum = sum, count = count, count_before = count, dirty = false }
    end
  end
  return known
end

local function add_to_cell(cell, sum, count)
  cell.sum, cell.count, cell.dirty = cell.sum + sum, cell.count + count, true
end

-- Note one HSET and at most one HDEL a hash.
local function save_cells()
  for key, fields in pairs(cells) do
    local set, dropped = { 'HSET', key }, { 'HDEL', key }
    for field, cell in pairs(fields) do
      if cell.dirty and cell.count > 0 then
        set[#set + 1] = field
        set[#set + 1] = write_total(cell.sum, cell.count)
      elseif cell.dirty and cell.count_before > 0 then
        dropped[#dropped + 1] = field
      end
    end
    for from = 3, #set, 1000 do
      write('HSET', key, unpack(set, from, math.min(from + 999, #set)))
    end
    if #dropped > 2 then write(unpack(dropped)) end
    if #set > 2 or #dropped > 2 then keep_for(key, lifetimes[key]) end
  end
end
