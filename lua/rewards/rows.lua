-- Find the rows of some vehicles of one shard in several weeks.
-- KEYS     the shard's packed rows, one key a week
-- ARGV[1]  bytes of one row
-- ARGV[2]  vehicles, 8 bytes each, big-endian, side by side
-- Returns: list by key of: false when the key is missing, else the rows found, side by side
-- Errors: none of its own; a key of a foreign type fails
-- Mode: read
-- Idempotent: yes
-- Cost: O(keys x vehicles x log(rows of the shard)); 5 us a key of 250 rows and a vehicle

local size, vehicles = tonumber(ARGV[1]), ARGV[2]

-- The row that begins with these 8 bytes, by bisection: vehicles are not negative, so the order
-- of their bytes is that of their numbers. Bytes are compared one by one, because Redis lets the
-- locale order texts.
local function is_before(packed, at, wanted)
  for offset = 0, 7 do
    local have, want = string.byte(packed, at + offset), string.byte(wanted, 1 + offset)
    if have ~= want then return have < want end
  end
  return false
end

local function row_of(packed, wanted)
  local low, high = 0, #packed / size
  while low < high do
    local middle = math.floor((low + high) / 2)
    if is_before(packed, middle * size + 1, wanted) then low = middle + 1 else high = middle end
  end
  local at = low * size + 1
  if string.sub(packed, at, at + 7) == wanted then return string.sub(packed, at, at + size - 1) end
  return ''
end

local found = {}
for number, key in ipairs(KEYS) do
  local packed = redis.call('GET', key)
  if packed then
    local rows = {}
    for at = 1, #vehicles, 8 do
      rows[#rows + 1] = row_of(packed, string.sub(vehicles, at, at + 7))
    end
    found[number] = table.concat(rows)
  else
    found[number] = false
  end
end
return found
