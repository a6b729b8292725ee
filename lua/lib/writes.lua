-- Writes: scripts read and check everything first and only note what they will write, because
-- Redis does not roll a failed script back. flush_writes then runs the notes in order.
local writes = {}

-- Lifetimes by level in seconds, counted from the last write to a key; 0 is for ever, -1 is for
-- ever again after a lifetime that older keys may still have. `modes` has how boards of things are
-- kept, "day" or "none", where not to the second; `things`, if any, what some of them have of their
-- own, { second = .., activity = .. } by number as a text.
local keep = {}

local function read_lifetimes(packed)
  keep.year, keep.month, keep.week, keep.day, keep.second, keep.activity, keep.marker,
    keep.modes, keep.things =
    cmsgpack.unpack(packed)
end

-- The lifetime of a level, second or activity, at a key of an owner's thing.
local function lifetime_at(key, level)
  local own = keep.things and keep.things[string.match(key, '^psd:%b{}:[^:]+:(%d+)')]
  return own and own[level] or keep[level]
end

local function write(...)
  writes[#writes + 1] = { ... }
end

-- The same of a command that is a list already.
local function write_command(command)
  writes[#writes + 1] = command
end

-- A lifetime that starts anew with this write.
local function keep_for(key, seconds)
  if seconds > 0 then
    writes[#writes + 1] = { 'EXPIRE', key, seconds }
  elseif seconds < 0 then
    writes[#writes + 1] = { 'PERSIST', key }
  end
end

-- The same by the lifetime of a level, second or activity, of the thing whose key it is.
local function keep_at(key, level)
  keep_for(key, lifetime_at(key, level))
end

-- Take back what was noted behind the first so many writes.
local function forget_writes(kept)
  for at = #writes, kept + 1, -1 do writes[at] = nil end
end

local function flush_writes()
  for at = 1, #writes do
    local command = writes[at]
    redis.call(unpack(command))
  end
end
