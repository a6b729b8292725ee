-- Numbers: Redis computes in doubles, so a sum is refused past +-(2^53 - 1).
local SUM_MAX = 9007199254740991

local text

do
  local format = string.format

  -- Decimal text of a whole number. %d goes by a 64-bit integer: exact within the bound, never
  -- "-0", and three times as fast as %.0f or as handing Redis the number.
  function text(number)
    return format('%d', number)
  end
end

local small_texts = {}

-- The same of numbers that come again: things, shards, counts. What .. writes of a number takes
-- longer.
local function small_text(number)
  local known = small_texts[number]
  if not known then
    known = text(number)
    small_texts[number] = known
  end
  return known
end

-- Bytes that a signed number needs: 1, 2, 4 or 8.
local function width_of(number)
  if number >= -128 and number <= 127 then return 1 end
  if number >= -32768 and number <= 32767 then return 2 end
  if number >= -2147483648 and number <= 2147483647 then return 4 end
  return 8
end
