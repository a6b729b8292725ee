-- Hash reads: values of hashes that whoever reports may make grow, by ever new years or atids.
-- Fields are named, or picked from the whole hash where that is less work: a packed hash (up to
-- PACKED_FIELDS) is searched from its start for each field, 4 us where it is full.
-- Seldom: picked_values
-- @include lib/effort: spend

local PACKED_FIELDS = 512
-- So many fields and more are worth the question how large the hash is.
local FIELDS_WORTH = 32
-- Fields of one command; Lua's stack takes 8,000.
local FIELDS_OF_CALL = 4000

local function picked_values(key, fields)
  local by_field, all, values = {}, redis.call('HGETALL', key), {}
  for at = 1, #all, 2 do by_field[all[at]] = all[at + 1] end
  for at = 1, #fields do values[at] = by_field[fields[at]] or false end
  return values
end

-- Values by position, false where there is none, as HMGET gives them.
local function named_values(key, fields)
  local wanted = #fields
  if wanted == 0 then return {} end
  if wanted < FIELDS_WORTH then
    spend(3 * wanted + 3)
    return redis.call('HMGET', key, unpack(fields))
  end
  local size = redis.call('HLEN', key)
  local is_packed = size <= PACKED_FIELDS
  if is_packed or 2 * size <= wanted then
    spend(wanted + 2 * size)
    return picked_values(key, fields)
  end
  spend(2 * wanted)
  if wanted <= FIELDS_OF_CALL then return redis.call('HMGET', key, unpack(fields)) end
  local values = {}
  for from = 1, wanted, FIELDS_OF_CALL do
    local part = redis.call('HMGET', key,
      unpack(fields, from, math.min(from + FIELDS_OF_CALL - 1, wanted)))
    for at = 1, #part do values[from + at - 1] = part[at] end
  end
  return values
end

local function number_texts(first, last)
  local texts = {}
  for number = first, last do texts[#texts + 1] = tostring(number) end
  return texts
end
