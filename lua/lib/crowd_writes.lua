-- Crowd writes: put changed bookings into the hash of a crowded second (lib/crowd), or a whole
-- leaf that has become one. A change is { second, atid, aid, before, after } as in lib/leaf_merge.
-- @include lib/crowd: CROWD_CODE
-- @include lib/leaf_merge: merged_records
-- @include lib/ids: id_padded
-- @include lib/leaf: shape_of, leaf_records
-- @include lib/work: spend_work
-- @include lib/writes: write, keep_at

-- The records of a field with sorted changes of its aid put in; empty when none is left.
local function crowd_field(held, start, changes)
  local records = merged_records(held and leaf_records(CROWD_CODE .. held, start) or {}, changes)
  local packed, format = {}, shape_of(string.byte(CROWD_CODE)).record
  for at, record in ipairs(records) do
    packed[at] = struct.pack(format, 0, id_padded(record[2], 8), id_padded(record[3], 8), record[4])
  end
  return table.concat(packed)
end

-- Note the writes that put sorted changes into a crowded second.
local function write_crowd_changes(key, start, changes)
  local by_aid, aids = {}, {}
  for _, change in ipairs(changes) do
    local aid = change[3]
    if not by_aid[aid] then
      by_aid[aid] = {}
      aids[#aids + 1] = aid
    end
    table.insert(by_aid[aid], change)
  end
  for _, aid in ipairs(aids) do
    spend_work(6)
    local field = crowd_field(redis.call('HGET', key, aid), start, by_aid[aid])
    if field == '' then write('HDEL', key, aid) else write('HSET', key, aid, field) end
  end
  keep_at(key, 'second')
end
