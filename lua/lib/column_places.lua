-- Column places: the columns of an owner's partition and thing, and the owner's position in them.
-- Root and uid are in the text of the owner's root: psd:{p0}:7 has psd:columns:{p0}:<thing>. A
-- position is given at the first booking, stands in the field "at" of the year hash, and is never
-- given again.
-- @include lib/cells: hashes
-- @include lib/numbers: text
-- @include lib/work: spend_work
-- @include lib/writes: keep

local columns_of, position_at, position_of, column_length

do
  -- Redis takes 512 MiB; a call adds far less than the rest.
  local COLUMN_BYTES_MAX = 268435456
  -- Columns by thing, and what the owners' keys of the call's partition begin with.
  local by_thing, head, lengths = {}, nil, {}

  -- Length that a string has before this call writes to it; fails where the key is of another type,
  -- or full.
  function column_length(key)
    local length = lengths[key]
    if length then return length end
    spend_work(1)
    length = redis.call('STRLEN', key)
    if length > COLUMN_BYTES_MAX then
      error(key .. ' is full: more is booked than columns hold, see boards = "day"')
    end
    lengths[key] = length
    return length
  end

  -- Big-endian bytes of a uid of up to 64 bits, by six digits a step so that doubles are exact.
  local function uid_packed(uid)
    local sign, digits = string.match(uid, '^(-?)(%d+)$')
    local high, low = 0, 0
    for at = 1, #digits, 6 do
      local part = string.sub(digits, at, at + 5)
      low = low * 10 ^ #part + tonumber(part)
      local carry = math.floor(low / 4294967296)
      high, low = high * 10 ^ #part + carry, low - carry * 4294967296
    end
    if sign == '-' then
      high, low = (low > 0 and 4294967295 or 4294967296) - high, (4294967296 - low) % 4294967296
    end
    return struct.pack('>I4I4', high, low)
  end

  -- How fine the columns of a thing are: nothing finer than a level that has, or had, a lifetime.
  local function levels_of(thing)
    local mode = keep.modes and keep.modes[thing]
    if thing == '0' or mode == 'none' or keep.year ~= 0 then return nil end
    local has_months = keep.month == 0
    local own = keep.things and keep.things[thing]
    local second = own and own.second or keep.second
    local has_days = has_months and keep.day == 0 and second == 0
    return { months = has_months, days = has_days and mode == 'day',
      logs = has_days and mode ~= 'day' }
  end

  local function new_columns(root, levels)
    local changes = redis.call('GET', root .. ':changes')
    if changes and not string.find(changes, '^%d+$') then error(root .. ':changes is no number') end
    column_length(root .. ':count')
    column_length(root .. ':newest')
    local owners = column_length(root .. ':owners') / 8
    if owners % 1 ~= 0 then error(root .. ':owners ends within a uid') end
    return { root = root, levels = levels, owners = owners, added = {}, cells = {}, months = {},
      changes = tonumber(changes or 0), count_key = root .. ':count',
      newest_key = root .. ':newest' }
  end

  -- The columns for an owner's thing, a number; nil where none are kept. A call is about owners of
  -- one partition.
  function columns_of(prefix, thing)
    local known = by_thing[thing]
    if known == nil then
      local levels = levels_of(text(thing))
      head = head or levels and string.match(prefix, '^psd:%b{}:')
      local tag = levels and string.sub(head, 5, -2)
      known = levels and new_columns('psd:columns:' .. tag .. ':' .. text(thing), levels) or false
      by_thing[thing] = known
    end
    if not known then return nil end
    if string.find(prefix, head, 1, true) ~= 1 then error(prefix .. ' is of another partition') end
    return known
  end

  -- The position that the year hash has as `at`, or the next one where it has none; whether it is
  -- given now.
  function position_at(columns, prefix, at)
    if not at then
      local position = columns.owners + #columns.added
      columns.added[#columns.added + 1] = uid_packed(string.match(prefix, ':(-?%d+):%d+$'))
      return position, true
    end
    local position = tonumber(at)
    if not (position and position >= 0 and position < columns.owners and position % 1 == 0) then
      error(prefix .. ':y has no position of ' .. columns.root .. ', see psd verify --repair')
    end
    return position, false
  end

  -- The same of an owner whose year hash this call has read in.
  function position_of(columns, prefix)
    local hash = hashes[prefix .. ':y']
    if not hash.position then
      hash.position, hash.is_at_new = position_at(columns, prefix, hash.at)
      hash.newest_key = columns.newest_key
    end
    return hash.position
  end
end
