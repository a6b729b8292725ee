-- Which of two values said of one second stands: the greater one, whatever came first.

-- Forgotten before numbers before texts; texts by their bytes, because Redis lets the locale
-- order them.
local RANK = { boolean = 1, number = 2, string = 3 }

local function is_greater(left, right)
  if type(left) ~= type(right) then return RANK[type(left)] > RANK[type(right)] end
  if type(left) == 'number' then return left > right end
  if type(left) == 'boolean' then return false end
  for at = 1, math.min(#left, #right) do
    local have, other = string.byte(left, at), string.byte(right, at)
    if have ~= other then return have > other end
  end
  return #left > #right
end
