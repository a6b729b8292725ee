-- Effort: how much a call has read so far, in steps of some 0.2 us: a field, a record that Lua
-- looks at, 16 bytes of a packed hash that is searched. A script about a page of owners begins none
-- once PAGE_EFFORT is spent and tells how many it has answered; what one owner needs is bounded by
-- OWNER_EFFORT, past which the call is refused. So no call holds Redis for more than some 10 ms.
local PAGE_EFFORT, OWNER_EFFORT = 15000, 60000

local effort, effort_before = 0, 0

local function spend(steps)
  effort = effort + steps
end

-- A leaf that is handed over takes as long as twenty fields, and six of its bookings as one.
local function spend_on_handing(bookings)
  effort = effort + 20 + math.floor(bookings / 6)
end

-- What is spent from now on is for the next owner.
local function next_effort()
  effort_before, effort = effort_before + effort, 0
end

-- Whether the rest of a page is to be asked for by another call.
local function is_page_spent()
  return effort_before + effort >= PAGE_EFFORT
end

-- Whether one owner takes more than a call may do.
local function is_overspent()
  return effort >= OWNER_EFFORT
end
