-- Sums and distinct activities over a range for a page of owners: every booking in it is read.
-- KEYS     roots of the owners' keys; in a cluster as lib/owners says
-- ARGV[1]  first second of the range
-- ARGV[2]  second after its last
-- ARGV[3]  msgpack array of thing numbers
-- ARGV[4]  packed atid to filter by, or an empty string for all
-- Returns: list: false or the resolution that is still exact, then per owner: one sum per thing,
--          the distinct aids side by side, each as wide as the others, their atids likewise
--          (that of the aid's earliest booking of the first thing that has one), and how many
-- Errors: PSD_OUT_OF_BOUNDS a sum passes +-(2^53 - 1)
-- Idempotent: yes. Writes nothing
-- Cost: O(bookings in range), 0.2 us each; 1,000 owners
-- @include lib/leaf_reads
-- @include lib/owners

local range_start, range_end = tonumber(ARGV[1]), tonumber(ARGV[2])
local things = cmsgpack.unpack(ARGV[3])
local atid = ARGV[4] ~= '' and ARGV[4] or nil

-- Distinct activities of one owner in the order they are met. Leaves differ in the width of
-- their ids; `seen` is by the bytes as they stand, and widths are evened out at the end.
local found

local function scan_leaf(leaf, from, to)
  local shape = leaf_shape(leaf)
  local atid_width, aid_width, size, format = shape.atid, shape.aid, shape.size, shape.booking
  local wanted = atid and id_padded(atid, atid_width)
  if atid and not wanted then return 0 end
  local seen = found.seen[aid_width]
  if not seen then
    seen = {}
    found.seen[aid_width], found.widths = seen, found.widths + 1
  end
  if atid_width ~= found.atid_width then
    found.atid_widths, found.atid_width = found.atid_widths + 1, atid_width
  end
  local sum, number, aids, atids = 0, found.number, found.aids, found.atids
  for at = from * size + 5, (to - 1) * size + 5, size do
    local record_atid, aid, delta = struct.unpack(format, leaf, at)
    if not wanted or record_atid == wanted then
      sum = sum + delta
      if sum > SUM_MAX or sum < -SUM_MAX then in_bounds = false end
      if not seen[aid] then
        seen[aid] = true
        number = number + 1
        aids[number], atids[number] = aid, record_atid
      end
    end
  end
  found.number = number
  return sum
end

local MONTHS = {}
for month = 1, 12 do MONTHS[month] = tostring(month) end

-- Months of a year that have bookings, and their bookings added up.
local function counted_months(key)
  local values, entries, count = redis.call('HMGET', key, unpack(MONTHS)), {}, 0
  for month = 1, 12 do
    if values[month] then
      local _, below = read_total(values[month])
      entries[#entries + 1] = { month, below }
      count = count + below
    end
  end
  return entries, count
end

-- Numeric fields of a hash of totals, in order, with their counts; their counts added up.
local function counted_fields(key)
  local values, entries, count = redis.call('HGETALL', key), {}, 0
  for at = 1, #values, 2 do
    local number = tonumber(values[at])
    if number then
      local _, below = read_total(values[at + 1])
      entries[#entries + 1] = { number, below }
      count = count + below
    end
  end
  table.sort(entries, function(left, right) return left[1] < right[1] end)
  return entries, count
end

local function visit(prefix, unit, count)
  if not stands_split(prefix, unit, count) then
    local leaf = leaf_of(prefix, unit, count)
    local from, to
    if leaf then from, to = leaf_slice(leaf, unit, count, range_start, range_end) end
    if from then return scan_leaf(leaf, from, to) end
    note_lost('day')
    return 0
  end
  local entries, counted = counted_fields(totals_key_below(prefix, unit))
  if counted < count then note_lost(unit.level == 'month' and 'month' or 'day') end
  local sum, size = 0, BELOW[unit.level].size
  for _, entry in ipairs(entries) do
    local start = unit.start + (unit.level == 'month' and entry[1] - 1 or entry[1]) * size
    if start < range_end and start + size > range_start then
      sum = added(sum, visit(prefix, unit_below(unit, start), entry[2]))
    end
  end
  return sum
end

-- First second of a month.
local function month_start(year, month)
  local start = year_start(year) * 86400
  for _ = 2, month do start = day_of(start + 31 * 86400).month_start end
  return start
end

local function thing_sum(prefix)
  local sum = 0
  for _, year in ipairs((counted_fields(prefix .. ':y'))) do
    local starts = year_start(year[1]) * 86400
    if starts < range_end and starts + 366 * 86400 > range_start then
      local months, counted = counted_months(prefix .. ':m:' .. year[1])
      if counted < year[2] then note_lost('year') end
      for _, month in ipairs(months) do
        local start = month_start(year[1], month[1])
        if start < range_end and day_of(start + 31 * 86400).month_start > range_start then
          sum = added(sum, visit(prefix, unit_of_month(start), month[2]))
        end
      end
    end
  end
  return sum
end

-- Ids side by side, 8 bytes each.
local function padded(ids)
  for at = 1, #ids do ids[at] = id_padded(id_trimmed(ids[at]), 8) end
  return table.concat(ids)
end

-- The aids, each once, and their atids; ids as wide as all leaves have them, else 8 bytes.
local function add_activities(reply)
  local aids, atids = found.aids, found.atids
  if found.widths > 1 then
    local once, each_aid, each_atid = {}, {}, {}
    for at = 1, #aids do
      local aid = id_trimmed(aids[at])
      if not once[aid] then
        once[aid] = true
        each_aid[#each_aid + 1], each_atid[#each_atid + 1] = aid, atids[at]
      end
    end
    aids, atids = each_aid, each_atid
  end
  local at = #reply
  reply[at + 1] = found.widths > 1 and padded(aids) or table.concat(aids)
  reply[at + 2] = found.atid_widths > 1 and padded(atids) or table.concat(atids)
  reply[at + 3] = #aids
end

local reply = { false }
for _, root in ipairs(owner_roots(4)) do
  leaves = {}
  found = { seen = {}, widths = 0, atid_widths = 0, number = 0, aids = {}, atids = {} }
  for _, thing in ipairs(things) do
    local sum = thing_sum(root .. ':' .. thing)
    if not in_bounds then
      return redis.error_reply('PSD_OUT_OF_BOUNDS sum: the range adds up past +-(2^53 - 1)')
    end
    reply[#reply + 1] = sum
  end
  add_activities(reply)
end
reply[1] = lost
return reply
