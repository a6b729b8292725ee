-- From when to when a meter's channel is metered: runs in a sorted set, each by the second behind
-- its last one, with its first second as the score. Runs that touch become one.
-- @include lib/numbers: text
-- @include lib/writes: write, keep_for

-- Runs that there are and may touch a range, as { start, stop }.
local function runs_near(key, low, high)
  local found = {}
  local function take(flat)
    for at = 1, #flat, 2 do
      found[#found + 1] = { tonumber(flat[at + 1]), tonumber(flat[at]) }
    end
  end
  take(redis.call('ZREVRANGEBYSCORE', key, text(low), '-inf', 'WITHSCORES', 'LIMIT', 0, 1))
  take(redis.call('ZRANGEBYSCORE', key, '(' .. text(low), text(high), 'WITHSCORES'))
  return found
end

-- In order, what of runs is beyond a range of which all is known, and the runs that are given.
local function laid_over(found, runs, from, till)
  local laid = {}
  local function stay(start, stop)
    if start < stop then laid[#laid + 1] = { start, stop } end
  end
  for at = 1, #found do
    local start, stop = found[at][1], found[at][2]
    if from < till then
      stay(start, math.min(stop, from))
      stay(math.max(start, till), stop)
    else
      stay(start, stop)
    end
  end
  for at = 1, #runs, 2 do stay(runs[at], runs[at + 1]) end
  table.sort(laid, function(left, right)
    return left[1] < right[1] or (left[1] == right[1] and left[2] < right[2])
  end)
  return laid
end

local function joined(runs)
  local kept = {}
  for at = 1, #runs do
    local run, last = runs[at], kept[#kept]
    if last and run[1] <= last[2] then
      last[2] = math.max(last[2], run[2])
    else
      kept[#kept + 1] = { run[1], run[2] }
    end
  end
  return kept
end

-- Note runs, given as first seconds and seconds behind the last in turn and in order. From `from`
-- up to `till` they take the place of those there.
local function note_runs(key, runs, from, till, lifetime)
  local low, high = math.min(runs[1] or from, from), math.max(runs[#runs] or till, till)
  local found, there, stays = runs_near(key, low, high), {}, {}
  for at = 1, #found do there[found[at][2]] = found[at][1] end
  local kept = joined(laid_over(found, runs, from, till))
  for at = 1, #kept do
    local start, stop = kept[at][1], kept[at][2]
    if there[stop] ~= start then write('ZADD', key, text(start), text(stop)) end
    stays[stop] = true
  end
  for stop in pairs(there) do
    if not stays[stop] then write('ZREM', key, text(stop)) end
  end
  if #kept > 0 then keep_for(key, lifetime) end
end
