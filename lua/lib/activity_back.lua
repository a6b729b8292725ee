-- Activity back: all that one activity has booked of a thing, to be taken back.
-- @include lib/activity

-- What is there: the moves { second, atid, booked, 0 } that take every booking back, their sum,
-- first and last second, and the atid of the first. `is_cut` when reports have expired:
-- what they booked is then unknown.
local function bookings_back(activity)
  local back = { moves = {}, sum = 0, is_cut = false }
  local moves, records = back.moves, 0
  for _, number in ipairs(part_numbers(activity)) do
    local flat = loaded_part(activity, number).flat
    records = records + #flat / 4
    local slot = 1
    while slot <= #flat do
      local second, booked, order = flat[slot], {}, {}
      while flat[slot] == second do
        local atid = flat[slot + 2]
        if not booked[atid] then order[#order + 1] = atid end
        booked[atid] = (booked[atid] or 0) + flat[slot + 3]
        slot = slot + 4
      end
      for _, atid in ipairs(order) do
        if booked[atid] ~= 0 then
          moves[#moves + 1] = { second, atid, booked[atid], 0 }
          back.sum = back.sum + booked[atid]
        end
      end
    end
  end
  if #moves > 0 then
    back.first, back.last, back.atid = moves[1][1], moves[#moves][1], moves[1][2]
  end
  back.is_cut = activity.is_lost or activity.long and records < activity.count
  return back
end
