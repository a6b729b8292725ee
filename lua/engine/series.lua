-- Sum a thing by the buckets between ascending seconds, for a page of owners.
-- KEYS     roots of the owners' keys; in a cluster as lib/owners says
-- ARGV[1]  msgpack [boundaries, weeks]: bucket n is from boundary n to before boundary n + 1, in
--          Unix seconds; weeks is [[key suffix, [fields]]] where every bucket is a calendar week
--          whose own total can be read, bucket after bucket, else empty
-- ARGV[2]  thing number
-- ARGV[3]  packed msgpack array of packed atids to filter by, or an empty string for all
-- ARGV[4]  "atid" for a column for each atid, else an empty string for one column
-- ARGV[5]  "1" to tell the newest second of any of these owners' bookings, else empty
-- Returns: list: false or the resolution that is still exact, the newest second or false, how many
--          of the owners are answered (others follow by another call), then per owner a list: a
--          msgpack array of columns [atid as text or "", [bucket from 0, sum, bookings, ...]] of
--          what was read from totals (bookings are 0 where these are of atids), and the bookings of
--          units that a boundary cuts, as engine/bookings hands them over
-- Errors: PSD_OUT_OF_BOUNDS a sum passes +-(2^53 - 1); PSD_TOO_LARGE what one owner has takes more
--         than lib/effort allows
-- Idempotent: yes. Writes nothing
-- Cost: per owner O(buckets with bookings), and a leaf of up to 512 records for each boundary
--       that cuts a day with bookings; 10,000 buckets, at most what lib/effort allows
-- @include lib/descent
-- @include lib/newest
-- @include lib/atid_sets
-- @include lib/owners

local plan = cmsgpack.unpack(ARGV[1])
local bounds, weeks, prefix_end = plan[1], plan[2], ':' .. ARGV[2]
local atids, by_atid = atid_set(ARGV[3]), ARGV[4] == 'atid'
local buckets = #bounds - 1
local low, high = bounds[1], bounds[#bounds]

-- More fields than this of a hash are picked out of the whole hash.
local FIELDS_PICKED = 500

local columns, order, parts = {}, {}, {}

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

local visitor = { low = low, high = high }

function visitor.place(start, stop)
  if stop <= low or start >= high then return nil end
  if start < low or stop > high then return false end
  local bucket = bucket_of(start)
  return stop <= bounds[bucket + 1] and bucket
end

-- All parts by atid of the taken units, out of the whole hash.
local function take_listed(key, taken)
  spend(2 * redis.call('HLEN', key))
  if is_overspent() then return end
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
  spend(2 * #taken)
  if not atids and not by_atid then
    for _, entry in ipairs(taken) do add('', entry.place, entry.sum, entry.count) end
    return
  end
  if by_atid or #taken * #atids.texts > FIELDS_PICKED then return take_listed(key, taken) end
  local fields, places = {}, {}
  for _, entry in ipairs(taken) do
    for _, typed in ipairs(atids.texts) do
      fields[#fields + 1], places[#places + 1] = entry.number .. typed, entry.place
    end
  end
  if #fields == 0 then return end
  for number, value in ipairs(named_values(key, fields)) do
    if value then add('', places[number], read_sum(value), 0) end
  end
end

-- Bookings of a unit that is not taken whole are handed over.
function visitor.read(leaf, unit, from, to)
  spend_on_handing(to - from)
  local next_at, size = #parts, leaf_shape(leaf).size
  parts[next_at + 1] = unit.start
  parts[next_at + 2] = string.sub(leaf, 1, 1) .. string.sub(leaf, from * size + 2, to * size + 1)
end

-- Calendar weeks, each from its own total.
local function take_weeks(prefix)
  local place = 0
  for _, block in ipairs(weeks) do
    local key, taken = prefix .. ':' .. block[1], {}
    for number, value in ipairs(named_values(key, block[2])) do
      place = place + 1
      if value then
        local sum, count = read_total(value)
        taken[#taken + 1] = { number = block[2][number], sum = sum, count = count, place = place }
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
  return cmsgpack.pack(packed)
end

-- What an owner has: columns from totals, and bookings.
local function read_owner(root)
  columns, order, parts, leaves, at, effort = {}, {}, {}, {}, 1, 0
  if #weeks > 0 then take_weeks(root .. prefix_end) else descend(root .. prefix_end, visitor) end
  return { packed_columns(), parts }
end

local reply, tells_newest, spent, answered = { false, false, 0 }, ARGV[5] == '1', 0, 0
for _, root in ipairs(owner_roots(5)) do
  effort = spent
  if is_page_spent() then break end
  if tells_newest then note_newest_of(root .. prefix_end) end
  reply[#reply + 1] = read_owner(root)
  if not in_bounds then
    return redis.error_reply('PSD_OUT_OF_BOUNDS sum: a bucket adds up past +-(2^53 - 1)')
  end
  if is_overspent() then
    return redis.error_reply('PSD_TOO_LARGE range: one owner takes more than a call may read')
  end
  spent, answered = spent + effort, answered + 1
end
reply[1], reply[2], reply[3] = lost, newest_told(), answered
return reply
