-- Leaf merge: put changed bookings into a leaf with the smallest write that does it: APPEND
-- for newer seconds, SETRANGE from the first changed byte, SET when widths change.
-- A change is { second, atid, aid, before, after }: deltas of one (second, atid, aid).
-- Seldom: write_changed_leaf, write_leaf_changes
-- @include lib/leaf: leaf_shape, shape_of, leaf_code, leaf_records, record_before
-- @include lib/leaf: sort_records, leaf_packed
-- @include lib/writes: write, write_command, keep_at
-- @include lib/ids: id_padded, id_trimmed, compare_bytes
-- @include lib/numbers: width_of
-- @include lib/work: spend_work

local merged_records, write_changed_leaf, write_leaf_changes

do
  -- Whether records of these changes can stand in the leaf as it is shaped: no record vanishes,
  -- none is too wide, and none that made the deltas wide becomes narrower.
  local function changes_fit(leaf, changes)
    local shape = leaf_shape(leaf)
    local widest = shape.delta
    for at = 1, #changes do
      local change = changes[at]
      local width = width_of(change[5])
      if change[5] == 0 or width > widest or #change[2] > shape.atid or #change[3] > shape.aid
        or (change[4] ~= 0 and width < widest and width_of(change[4]) == widest) then
        return false
      end
    end
    return true
  end

  -- -1, 0 or 1: the record at byte `at` of a leaf against a change at `offset`.
  local function compare_record(leaf, shape, at, change, offset)
    local record_offset = struct.unpack('>I3', leaf, at)
    if record_offset ~= offset then return record_offset < offset and -1 or 1 end
    local aid_at = at + 3 + shape.atid
    local order = compare_bytes(id_trimmed(string.sub(leaf, at + 3, aid_at - 1)), change[2])
    if order ~= 0 then return order end
    return compare_bytes(id_trimmed(string.sub(leaf, aid_at, aid_at + shape.aid - 1)), change[3])
  end

  -- Byte at which the change's record stands or belongs, and whether it stands there. Halves the
  -- leaf by (second, atid, aid): all 512 records may be of one second.
  local function record_place(leaf, shape, change, offset)
    local size = shape.size
    local low, high = 0, (#leaf - 1) / size
    while low < high do
      local middle = math.floor((low + high) / 2)
      local order = compare_record(leaf, shape, middle * size + 2, change, offset)
      if order == 0 then return middle * size + 2, true end
      if order < 0 then low = middle + 1 else high = middle end
    end
    return low * size + 2, false
  end

  local function packed_change(shape, offset, change)
    return struct.pack(shape.record, offset, id_padded(change[2], shape.atid),
      id_padded(change[3], shape.aid), change[5])
  end

  -- Leaf with fitting, sorted changes put in: the first changed byte and its tail from there on.
  local function spliced_tail(leaf, start, changes)
    local shape = leaf_shape(leaf)
    local parts, first, from = {}, nil, nil
    if changes[1][1] - start > struct.unpack('>I3', leaf, #leaf - shape.size + 1) then
      for number = 1, #changes do
        parts[number] = packed_change(shape, changes[number][1] - start, changes[number])
      end
      return #leaf + 1, table.concat(parts)
    end
    for number = 1, #changes do
      local change = changes[number]
      local offset = change[1] - start
      local at, stands = record_place(leaf, shape, change, offset)
      if first then
        parts[#parts + 1] = string.sub(leaf, from, at - 1)
      else
        first = at
      end
      parts[#parts + 1] = packed_change(shape, offset, change)
      from = stands and at + shape.size or at
    end
    parts[#parts + 1] = string.sub(leaf, from)
    return first, table.concat(parts)
  end

  -- Sorted records with sorted changes put in.
  function merged_records(records, changes)
    local merged, at = {}, 1
    for number = 1, #changes do
      local change = changes[number]
      while records[at] and record_before(records[at], change) do
        merged[#merged + 1] = records[at]
        at = at + 1
      end
      local standing = records[at]
      if standing and not record_before(change, standing) then at = at + 1 end
      if change[5] ~= 0 then
        merged[#merged + 1] = { change[1], change[2], change[3], change[5] }
      end
    end
    for rest = at, #records do merged[#merged + 1] = records[rest] end
    return merged
  end

  -- Note the write that puts changes into the leaf at key, which is this one.
  function write_changed_leaf(key, leaf, start, changes)
    if leaf and changes_fit(leaf, changes) then
      spend_work(6 * #changes)
      local first, tail = spliced_tail(leaf, start, changes)
      if first > #leaf then
        write('APPEND', key, tail)
      else
        write('SETRANGE', key, first - 1, tail)
      end
    else
      local packed = leaf_packed(merged_records(leaf_records(leaf, start), changes), start)
      if packed then
        write('SET', key, packed)
      elseif leaf then
        write('DEL', key)
      end
    end
    keep_at(key, 'second')
  end

  -- Note the write that puts changes into the leaf at key.
  function write_leaf_changes(key, start, changes)
    sort_records(changes)
    write_changed_leaf(key, redis.call('GET', key), start, changes)
  end
end

-- The leaf of one record.
local function leaf_of_one(offset, atid, aid, booking)
  local code = leaf_code(#atid, #aid, width_of(booking))
  return string.char(code) .. struct.pack(shape_of(code).record, offset, atid, aid, booking)
end

-- The same of one record that is new; mostly it is the leaf's last.
local function write_new_record(key, start, second, atid, aid, booking)
  local leaf, offset = redis.call('GET', key), second - start
  if not leaf then
    spend_work(2)
    write_command({ 'SET', key, leaf_of_one(offset, atid, aid, booking) })
  else
    local shape = leaf_shape(leaf)
    local fits = #atid <= shape.atid and #aid <= shape.aid and width_of(booking) <= shape.delta
    if not fits or offset <= struct.unpack('>I3', leaf, #leaf - shape.size + 1) then
      return write_changed_leaf(key, leaf, start, { { second, atid, aid, 0, booking } })
    end
    spend_work(6)
    write_command({ 'APPEND', key, struct.pack(shape.record, offset,
      id_padded(atid, shape.atid), id_padded(aid, shape.aid), booking) })
  end
  keep_at(key, 'second')
end
