-- Merge what was said of a vehicle into what is known of it, field by field.
-- KEYS[1]  hash of a shard's vehicles
-- ARGV[1]  vehicle, decimal
-- ARGV[2]  msgpack array of a second and a value for each field in turn; second 0 is not said,
--          value false is forgotten, else a text or an integer
-- Returns: 1 when what is known changed, 0 when not
-- Errors: none of its own; a key of a foreign type fails, and a record that is none
-- Mode: write
-- Idempotent: yes; of a field the later second stands, of one second the greater value, so that
--             the order in which changes come does not matter
-- Cost: O(1), two values for each of 6 fields
-- @include lib/later: is_greater

local said = cmsgpack.unpack(ARGV[2])
local held = redis.call('HGET', KEYS[1], ARGV[1])

local known = held and held ~= '' and cmsgpack.unpack(held) or {}
for at = #known + 1, #said do known[at] = at % 2 == 1 and 0 end
local changed = false
for at = 1, #said, 2 do
  local second, value = said[at], said[at + 1]
  if second > known[at] or (second == known[at] and is_greater(value, known[at + 1])) then
    known[at], known[at + 1] = second, value
    changed = true
  end
end
if changed then redis.call('HSET', KEYS[1], ARGV[1], cmsgpack.pack(known)) end
return changed and 1 or 0
