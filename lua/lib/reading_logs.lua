-- Logs of a plug's readings, ten minutes each. What a session that goes on is billed by stays until
-- it has ended (charging/release.lua); other logs live for a time behind their newest reading.
-- @include lib/packed_readings: ms_of, merged_readings
-- @include lib/writes: write

-- Put those of packed readings into logs that are of the session that began, or of one that ended
-- and not before late_from; `began` and `ended` are 0 for none. Logs begin with `prefix`. How many
-- were new; the first and the last millisecond of what is new of those that ended, or false.
local keep_in_logs
do
  -- The milliseconds of those that were new. One that is newer than all is appended: 18 bytes to
  -- the append-only file and to replicas in the place of up to 5,400.
  local function keep_in_log(key, own, seconds)
    local tail = redis.call('GETRANGE', key, -18, -1)
    local added
    if #own == 18 and (tail == '' or ms_of(own, 1) > ms_of(tail, 1)) then
      added = { ms_of(own, 1) }
      write('APPEND', key, own)
    else
      local merged
      merged, added = merged_readings(redis.call('GET', key) or '', own)
      if #added > 0 then write('SET', key, merged) end
    end
    if #added > 0 then
      if seconds then write('EXPIRE', key, seconds) else write('PERSIST', key) end
    end
    return added
  end

  keep_in_logs = function(prefix, packed, began, ended, late_from, seconds)
    local strips, new, late = {}, 0, false
    for at = 1, #packed, 18 do
      local ms = ms_of(packed, at)
      local in_session = began > 0 and ms >= began
      if in_session or (ms <= ended and ms >= late_from) then
        local strip = math.floor(ms / 600000)
        strips[strip] = (strips[strip] or '') .. string.sub(packed, at, at + 17)
      end
    end
    for strip, own in pairs(strips) do
      local goes_on = began > 0 and (strip + 1) * 600000 > began
      local key = string.format('%s%.0f', prefix, strip)
      local added = keep_in_log(key, own, not goes_on and seconds)
      new = new + #added
      for _, ms in ipairs(added) do
        if ms <= ended and not (began > 0 and ms >= began) then
          late = late or { ms, ms }
          late = { math.min(late[1], ms), math.max(late[2], ms) }
        end
      end
    end
    return new, late
  end
end
