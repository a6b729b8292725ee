-- Sum a thing by the buckets between ascending seconds, for a page of owners.
-- KEYS     roots of the owners' keys; in a cluster as lib/owners says
-- ARGV[1]  msgpack [boundaries, weeks]: bucket n is from boundary n to before boundary n + 1, in
--          Unix seconds; weeks is [[key suffix, [fields]]] where every bucket is a calendar week
--          whose own total can be read, bucket after bucket, else empty
-- ARGV[2]  thing number
-- ARGV[3]  packed msgpack array of packed atids to filter by, or an empty string for all
-- ARGV[4]  "atid" for a column for each atid, else an empty string for one column
-- ARGV[5]  "1" reads every booking, so that bookings by atid are counted too, else empty
-- ARGV[6]  "1" adds up all owners of the page, else empty
-- ARGV[7]  "1" to tell the newest second of any of these owners' bookings, else empty
-- Returns: list: false or the resolution that is still exact, the newest second or false, then per
--          owner (or once, added up) a msgpack array of columns [atid as text or "", [bucket from
--          0, sum, bookings, ...]] of the buckets with bookings; bookings are 0 where totals by
--          atid were read
-- Errors: PSD_OUT_OF_BOUNDS a sum passes +-(2^53 - 1)
-- Idempotent: yes. Writes nothing
-- Cost: per owner O(buckets with bookings), and a leaf of up to 512 records for each boundary
--       that cuts a day with bookings; with ARGV[5] O(bookings), 0.2 us each; 10,000 buckets
-- @include lib/descent
-- @include lib/newest
-- @include lib/atid_sets
-- @include lib/owners

local plan = cmsgpack.unpack(ARGV[1])
local bounds, weeks, prefix_end = plan[1], plan[2], ':' .. ARGV[2]
local atids = atid_set(ARGV[3])
local by_atid, by_booking, adds_owners = ARGV[4] == 'atid', ARGV[5] == '1', ARGV[6] == '1'
local buckets = #bounds - 1
local low, high = bounds[1], bounds[#bounds]

-- More fields than this of a hash are read by listing it.
local FIELDS_NAMED = 500

local columns, order = {}, {}

local function add(label, bucket, sum, count)
  local column = columns[label]
  if not column then
    column = { sums = {}, counts = {} }
    columns[label] = column
    order[#order + 1] = label
  end
  column.sums[bucket] = added(column.sums[bucket] or 0, sum)
  column.counts[bucket] = (column.counts[bucket] or 0) + count
end

local at = 1

-- The bucket of a second that is within [low, high); mostly that of the second before, or the next.
local function bucket_of(second)
  if second >= bounds[at] and second < bounds[at + 1] then return at end
  local from, to = 1, buckets
  if second >= bounds[at + 1] then
    if second < (bounds[at + 2] or second) then
      at = at + 1
      return at
    end
    from = at + 1
  else
    to = at - 1
  end
  while from < to do
    local middle = math.floor((from + to + 1) / 2)
    if second < bounds[middle] then to = middle - 1 else from = middle end
  end
  at = from
  return at
end

local visitor = { low = low, high = high, by_booking = by_booking }

function visitor.place(start, stop)
  if stop <= low or start >= high then return nil end
  if by_booking or start < low or stop > high then return false end
  local bucket = bucket_of(start)
  return stop <= bounds[bucket + 1] and bucket
end

-- All parts by atid of the taken units, out of the whole hash.
local function take_listed(key, taken)
  local places, values = {}, redis.call('HGETALL', key)
  for _, entry in ipairs(taken) do places[tostring(entry.number)] = entry.place end
  for field = 1, #values, 2 do
    local number, label = string.match(values[field], '^(i?%d+):(-?%d+)$')
    local place = number and places[number]
    if place and (not atids or atids.by_text[label]) then
      add(by_atid and label or '', place, read_sum(values[field + 1]), 0)
    end
  end
end

function visitor.take(key, taken)
  if not atids and not by_atid then
    for _, entry in ipairs(taken) do add('', entry.place, entry.sum, entry.count) end
    return
  end
  if by_atid or #taken * #atids.texts > FIELDS_NAMED then return take_listed(key, taken) end
  local fields, places = {}, {}
  for _, entry in ipairs(taken) do
    for _, typed in ipairs(atids.texts) do
      fields[#fields + 1], places[#places + 1] = entry.number .. typed, entry.place
    end
  end
  if #fields == 0 then return end
  local values = redis.call('HMGET', key, unpack(fields))
  for number = 1, #fields do
    if values[number] then add('', places[number], read_sum(values[number]), 0) end
  end
end

function visitor.read(leaf, unit, from, to)
  local shape, start = leaf_shape(leaf), unit.start
  local size, format = shape.size, shape.record
  local wanted = atids and atids.by_width[shape.atid]
  for place = from * size + 2, (to - 1) * size + 2, size do
    local offset, atid, _, delta = struct.unpack(format, leaf, place)
    if not wanted or wanted[atid] then
      add(by_atid and id_text(id_trimmed(atid)) or '', bucket_of(start + offset), delta, 1)
    end
  end
end

-- Calendar weeks, each from its own total.
local function take_weeks(prefix)
  local place = 0
  for _, block in ipairs(weeks) do
    local key, taken = prefix .. ':' .. block[1], {}
    local values = redis.call('HMGET', key, unpack(block[2]))
    for number, field in ipairs(block[2]) do
      place = place + 1
      if values[number] then
        local sum, count = read_total(values[number])
        taken[#taken + 1] = { number = field, sum = sum, count = count, place = place }
      end
    end
    if #taken > 0 then visitor.take(key, taken) end
  end
end

local function packed_columns()
  local packed = {}
  for number, label in ipairs(order) do
    local column, flat = columns[label], {}
    for bucket = 1, buckets do
      local sum = column.sums[bucket]
      if sum then
        local next_at = #flat
        flat[next_at + 1], flat[next_at + 2], flat[next_at + 3] =
          bucket - 1, sum, column.counts[bucket]
      end
    end
    packed[number] = { label, flat }
  end
  columns, order = {}, {}
  return cmsgpack.pack(packed)
end

local reply, tells_newest = { false, false }, ARGV[7] == '1'
for _, root in ipairs(owner_roots(7)) do
  if tells_newest then note_newest_of(root .. prefix_end) end
  leaves, at = {}, 1
  if #weeks > 0 then take_weeks(root .. prefix_end) else descend(root .. prefix_end, visitor) end
  if not in_bounds then
    return redis.error_reply('PSD_OUT_OF_BOUNDS sum: a bucket adds up past +-(2^53 - 1)')
  end
  if not adds_owners then reply[#reply + 1] = packed_columns() end
end
if adds_owners then reply[3] = packed_columns() end
reply[1], reply[2] = lost, newest_told()
return reply
