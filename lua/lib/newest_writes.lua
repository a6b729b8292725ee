-- Newest writes: keep the field "newest" of owners' things (lib/newest) right while bookings come
-- and go. A newer booking replaces it; where the newest is taken back, or the hash is from before
-- psd kept it, it is found anew once everything else has been written. Its column (lib/columns) has
-- 0 where none is known.
-- Seldom: save_found
-- @include lib/cells: hashes
-- @include lib/newest: newest, find_newest
-- @include lib/leaf_reads: lost

-- Take the moves { second, atid, before, after } of one activity into the newest second.
local function note_newest_moves(prefix, moves)
  if #moves == 0 then return end
  local hash = hashes[prefix .. ':y']
  hash.finds_newest = hash.finds_newest or not hash.newest
  if hash.finds_newest then return end
  for at = 1, #moves do
    local second, after = moves[at][1], moves[at][4]
    if after == 0 then
      hash.finds_newest = hash.finds_newest or second == hash.newest
    elseif second > hash.newest then
      hash.newest, hash.is_newest_dirty = second, true
    end
  end
end

local function save_found(key, hash)
  newest, lost = -1, false
  local is_read = pcall(find_newest, string.sub(key, 1, -3))
  local is_known = is_read and not lost and newest >= 0
  if is_known then
    redis.call('HSET', key, 'newest', newest)
  else
    redis.call('HDEL', key, 'newest')
  end
  if hash.newest_key then
    redis.call('BITFIELD', hash.newest_key, 'SET', 'i64', '#' .. hash.position,
      is_known and newest or 0)
  end
end

-- Find the newest second where it is not known any more. Nothing fails by now: where a key cannot
-- be read, or what it held has expired, none is kept.
local function save_newest()
  for key, hash in pairs(hashes) do
    if hash.finds_newest then save_found(key, hash) end
  end
end
