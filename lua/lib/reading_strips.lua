-- Reading strips: what a meter's channel keeps, by units of which readings share a key.
-- @include lib/numbers: text

-- Of one channel; `units` has values by their second of each unit that was read. Where one is of
-- another length, as units of registers were days, `is_foreign` says that all is misread.
local function new_strips(prefix, unit_s)
  return { prefix = prefix, unit_s = unit_s, units = {}, is_foreign = false }
end

-- Values of a unit by their second.
local function strip_of(strips, unit)
  local strip = strips.units[unit]
  if strip then return strip end
  local flat = redis.call('HGETALL', strips.prefix .. ':' .. text(unit))
  strip = {}
  if flat[1] and math.floor(flat[1] / strips.unit_s) ~= unit then strips.is_foreign = true end
  for at = 1, #flat, 2 do strip[tonumber(flat[at])] = flat[at + 1] end
  strips.units[unit] = strip
  return strip
end

local function count_between(strip, low, high)
  local count = 0
  for second in pairs(strip) do
    if second >= low and second <= high then count = count + 1 end
  end
  return count
end

-- Load units away from an edge until enough readings are beyond it; 1 when no unit is left.
local function load_beyond(strips, verb, unit, bound, look, low, high)
  local found = redis.call(verb, strips.prefix .. ':units', '(' .. text(unit), bound, 'LIMIT', 0,
    look + 1)
  local beyond = count_between(strip_of(strips, unit), low, high)
  for at = 1, #found do
    if beyond >= look then return 0 end
    beyond = beyond + count_between(strip_of(strips, tonumber(found[at])), low, high)
  end
  return #found <= look and 1 or 0
end
