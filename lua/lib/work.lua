-- Work: what a call has touched, in units of 1 to 2 us, so that it can stop before it
-- holds Redis for long. Writing scripts only note their writes (lib/writes): a call that turns
-- out too heavy has written nothing, and is sent again in parts.

-- 5 to 10 ms. 200 reports, as many as a call has, mostly cost some 3,600.
local WORK_MAX = 5000

-- What a call may do that cannot be parted: some 500 later reports that one late report changes.
local WORK_ALONE_MAX = 8000

local work, work_limit = 0, WORK_MAX

local function work_alone()
  work_limit = WORK_ALONE_MAX
end

local function spend_work(units)
  work = work + units
end

local function is_too_heavy()
  return work > work_limit
end

-- How much was touched so far.
local function work_spent()
  return work
end
