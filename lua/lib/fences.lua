-- Fences: numbers that only rise, of an owner and a name, so that whoever worked with older facts
-- books nothing behind somebody who had newer ones.
-- Seldom: is_superseded
-- @include lib/numbers: text
-- @include lib/writes: keep, write, keep_for

-- Whether somebody has booked for this owner with a greater number than that of the fence, which
-- is { name, number }; a number that is greater than what is held is noted to be kept.
local function is_superseded(root, fence)
  local key, number = root .. ':f:' .. fence[1], fence[2]
  local held = redis.call('GET', key)
  local greatest = held and tonumber(held) + 0 or -1
  if greatest < number then
    write('SET', key, text(number))
    keep_for(key, keep.activity)
  end
  return greatest > number
end
