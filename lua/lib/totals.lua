-- Totals: hash fields that hold the sum of a bucket's bookings. Over all atids they also tell
-- the number of bookings when it is not 1: "373" is one booking of 373, "4730:12" twelve that
-- add up to 4730; the field is there exactly while the bucket has bookings, also when they
-- cancel out. Of one atid ("12:7", date 12, atid 7) they hold the sum alone, unless it is 0.
-- @include lib/numbers: text, small_text

local read_total

do
  local find, sub = string.find, string.sub

  -- Sum and number of bookings of a field's value; 0, 0 when there is none.
  function read_total(value)
    if not value then return 0, 0 end
    local split = find(value, ':', 1, true)
    if not split then return tonumber(value), 1 end
    return tonumber(sub(value, 1, split - 1)), tonumber(sub(value, split + 1))
  end
end

-- The sum alone.
local function read_sum(value)
  return value and (tonumber(value) or tonumber(string.match(value, '^-?%d+'))) or 0
end

-- The value of a sum that is a text already.
local function total_of_text(sum_text, count)
  if count == 1 then return sum_text end
  return sum_text .. ':' .. small_text(count)
end

local function total_value(sum, count)
  if count == 1 then return text(sum) end
  return string.format('%d:%d', sum, count)
end
