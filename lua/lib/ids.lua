-- Ids (atid, aid) are 64-bit, more than a double holds, so scripts carry them packed:
-- big-endian two's complement in the fewest of 1, 2, 4 or 8 bytes. Packed ids are compared
-- byte by byte, never with <, which follows the server's locale.
-- @include lib/numbers: text, width_of

local SIGNED = { '>i1', '>i2', nil, '>i4' }
local id_texts = {}

-- Decimal text of a packed id; 8 bytes are divided by 100,000 in two halves to stay exact.
local function id_text(id)
  local known = id_texts[id]
  if known then return known end
  local written
  if #id < 8 then
    written = text(struct.unpack(SIGNED[#id], id))
  else
    local high, low = struct.unpack('>i4I4', id)
    local sign = ''
    if high < 0 then
      sign, high = '-', -high
      if low > 0 then high, low = high - 1, 4294967296 - low end
    end
    local rest = (high % 100000) * 4294967296 + low
    local quotient = math.floor(high / 100000) * 4294967296 + math.floor(rest / 100000)
    written = sign .. text(quotient) .. string.format('%05d', rest % 100000)
  end
  id_texts[id] = written
  return written
end

-- The id in `width` bytes, or nil when it needs more.
local function id_padded(id, width)
  local missing = width - #id
  if missing == 0 then return id end
  if missing < 0 then return nil end
  return string.rep(string.byte(id) > 127 and '\255' or '\0', missing) .. id
end

local id_trims = {}

-- The id in its fewest bytes again.
local function id_trimmed(id)
  local known = id_trims[id]
  if known then return known end
  local short = id
  if #short == 8 then
    local high, low = struct.unpack('>i4I4', short)
    if (high == 0 and low < 2147483648) or (high == -1 and low > 2147483647) then
      short = string.sub(short, 5)
    end
  end
  if #short < 8 then
    local number = struct.unpack(SIGNED[#short], short)
    short = string.sub(short, #short - width_of(number) + 1)
  end
  id_trims[id] = short
  return short
end

-- -1, 0 or 1: a total order of byte strings that no locale changes; shorter comes first.
local function compare_bytes(left, right)
  if left == right then return 0 end
  if #left ~= #right then return #left < #right and -1 or 1 end
  for at = 1, #left do
    local a, b = string.byte(left, at), string.byte(right, at)
    if a ~= b then return a < b and -1 or 1 end
  end
  return 0
end
