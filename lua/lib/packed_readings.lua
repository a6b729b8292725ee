-- Readings packed as psd/charging/plugs/plug_readings.py has them: 18 bytes each, in order of their
-- milliseconds, the first 6 bytes. One of a millisecond that is there already is left out.
local function ms_of(packed, at)
  local a, b, c, d, e, f = string.byte(packed, at, at + 5)
  return ((((a * 256 + b) * 256 + c) * 256 + d) * 256 + e) * 256 + f
end

-- Both in one order, and the milliseconds of those that were new, in theirs.
local merged_readings
do
  local SIZE = 18

  local function place_of(packed, ms)
    local low, high = 0, #packed / SIZE
    while low < high do
      local middle = math.floor((low + high) / 2)
      if ms_of(packed, middle * SIZE + 1) < ms then low = middle + 1 else high = middle end
    end
    return low * SIZE + 1
  end

  merged_readings = function(kept, packed)
    local added, parts, last = {}, { kept }, 0
    if #kept > 0 then last = ms_of(kept, #kept - SIZE + 1) end
    for at = 1, #packed, SIZE do
      local ms, reading = ms_of(packed, at), string.sub(packed, at, at + SIZE - 1)
      if ms > last then
        parts[#parts + 1], last = reading, ms
        added[#added + 1] = ms
      else
        local joined = table.concat(parts)
        local place = place_of(joined, ms)
        if ms_of(joined, place) ~= ms then
          joined = string.sub(joined, 1, place - 1) .. reading .. string.sub(joined, place)
          added[#added + 1] = ms
        end
        parts = { joined }
      end
    end
    return table.concat(parts), added
  end
end
