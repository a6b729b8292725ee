-- Leaf: every booking of one calendar unit, packed into a string. The first byte says how wide
-- the atid, aid and delta of its records are (codes 0-3 for 1, 2, 4, 8 bytes: 64 + 16 * atid
-- + 4 * aid + delta); the records follow, sorted by (second, atid, aid), each with 3 bytes of
-- seconds since the unit's start. Widths are the smallest that fit all records, so equal sets
-- of bookings give equal bytes in whatever order they came.
--   373 steps of atid 0, aid 0 at 00:00:01: 41 00 00 01 00 00 01 75 (delta 2 bytes wide)
-- @include lib/ids: id_padded, id_trimmed, compare_bytes
-- @include lib/work: spend_work
-- @include lib/numbers: width_of

local WIDTHS, WIDTH_TEXTS = { 1, 2, 4, 8 }, { '1', '2', '4', '8' }
local WIDTH_CODES = { [1] = 0, [2] = 1, [4] = 2, [8] = 3 }

local shapes = {}

-- Shape of leaves with this first byte: widths of atid, aid and delta, size and formats of a
-- record, of its ids and delta, and of its delta.
local function shape_of(code)
  local shape = shapes[code]
  if shape then return shape end
  local number = code - 64
  local atid, aid = math.floor(number / 16) + 1, math.floor(number / 4) % 4 + 1
  local delta = number % 4 + 1
  local delta_format = 'i' .. WIDTH_TEXTS[delta]
  local booking = 'c' .. WIDTH_TEXTS[atid] .. 'c' .. WIDTH_TEXTS[aid] .. delta_format
  atid, aid, delta = WIDTHS[atid], WIDTHS[aid], WIDTHS[delta]
  shape = {
    atid = atid, aid = aid, delta = delta, size = 3 + atid + aid + delta,
    record = '>I3' .. booking, booking = '>' .. booking, number = '>' .. delta_format,
  }
  shapes[code] = shape
  return shape
end

-- The first byte of leaves whose records have these widths.
local function leaf_code(atid, aid, delta)
  return 64 + 16 * WIDTH_CODES[atid] + 4 * WIDTH_CODES[aid] + WIDTH_CODES[delta]
end

local function leaf_shape(leaf)
  return shape_of(string.byte(leaf))
end

-- Records before `offset` seconds: the index of the first record at or after it, from 0.
local function leaf_position(leaf, size, offset)
  local low, high = 0, math.floor((#leaf - 1) / size)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if struct.unpack('>I3', leaf, middle * size + 2) < offset then
      low = middle + 1
    else
      high = middle
    end
  end
  return low
end

-- Sum of the deltas of records low .. high - 1; of a set of atids (lib/atid_sets) alone, if there
-- is one. Each record is looked at once, however many atids are asked.
local function leaf_sum(leaf, low, high, atids)
  local shape = leaf_shape(leaf)
  local format, size, unpack_number = shape.number, shape.size, struct.unpack
  local ids = shape.atid + shape.aid
  local sum = 0
  if not atids then
    for at = low * size + 5 + ids, (high - 1) * size + 5 + ids, size do
      sum = sum + unpack_number(format, leaf, at)
    end
    return sum
  end
  local wanted = atids.by_width[shape.atid]
  for at = low * size + 5, (high - 1) * size + 5, size do
    if wanted[string.sub(leaf, at, at + shape.atid - 1)] then
      sum = sum + unpack_number(format, leaf, at + ids)
    end
  end
  return sum
end

-- All records of a leaf, as { second, atid, aid, delta } with ids trimmed.
local function leaf_records(leaf, start)
  local records = {}
  if not leaf or leaf == '' then return records end
  local shape = leaf_shape(leaf)
  spend_work(1.6 * (#leaf - 1) / shape.size)
  for at = 2, #leaf, shape.size do
    local offset, atid, aid, delta = struct.unpack(shape.record, leaf, at)
    records[#records + 1] = { start + offset, id_trimmed(atid), id_trimmed(aid), delta }
  end
  return records
end

local function record_before(left, right)
  if left[1] ~= right[1] then return left[1] < right[1] end
  local by_atid = compare_bytes(left[2], right[2])
  if by_atid ~= 0 then return by_atid < 0 end
  return compare_bytes(left[3], right[3]) < 0
end

-- Put records, or changes of them, in order; mostly they are, and sorting costs 2.3 us each.
local function sort_records(records)
  for at = 2, #records do
    if record_before(records[at], records[at - 1]) then
      spend_work(2 * #records)
      table.sort(records, record_before)
      return
    end
  end
end

-- The leaf of sorted records; nil for none.
local function leaf_packed(records, start)
  if #records == 0 then return nil end
  spend_work(1.6 * #records)
  local atid_width, aid_width, delta_width = 1, 1, 1
  for at = 1, #records do
    local record = records[at]
    atid_width = math.max(atid_width, #record[2])
    aid_width = math.max(aid_width, #record[3])
    delta_width = math.max(delta_width, width_of(record[4]))
  end
  local code = leaf_code(atid_width, aid_width, delta_width)
  local format, parts = shape_of(code).record, { string.char(code) }
  for at = 1, #records do
    local record = records[at]
    parts[at + 1] = struct.pack(format, record[1] - start, id_padded(record[2], atid_width),
      id_padded(record[3], aid_width), record[4])
  end
  return table.concat(parts)
end
