-- Activity hours: the hours of a long activity, found and added up without reading all of them.
-- Its directory has an entry for each hour; with more than HOURS_LISTED it also has one for each
-- block of 128 hours that has reports ("b3169") and each 128 blocks ("B24"), with the same four
-- numbers, and "all" tells how many hours there are. Any question reads at most some 128 entries
-- of each kind, and none where no hour lies between.
-- @include lib/activity: HOUR_S, directory_key, part_of, part_numbers
-- @include lib/work: spend_work

local BLOCKS = { { name = 'b', hours = 128 }, { name = 'B', hours = 16384 } }

local load_entries, sum_of_hours, find_hour

do
  -- Where there are no blocks, so many hours are read by name; of more all hours are listed.
  local HOURS_NAMED = 16

  local LEVELS = { BLOCKS[2], BLOCKS[1], { name = '', hours = 1 } }

  -- Entries of one level by number, those first .. last of them read; each is read once a call,
  -- and is false where there is none.
  function load_entries(activity, level, first, last)
    local known = activity.entries[level.name]
    local missing, names = {}, {}
    for number = first, last do
      if known[number] == nil then
        missing[#missing + 1], names[#names + 1] = number, level.name .. number
      end
    end
    spend_work((last - first) / 16 + #missing)
    if #missing == 0 then return known end
    local values = redis.call('HMGET', directory_key(activity), unpack(names))
    for at, number in ipairs(missing) do
      known[number] = values[at] and { cmsgpack.unpack(values[at]) } or false
    end
    return known
  end

  -- First and last number of the entries of one level that meet hours low .. high - 1, and a
  -- function that tells an entry; what this call has changed of an hour goes before what is read.
  local function entries_between(activity, level, low, high)
    local first, last = math.floor(low / level.hours), math.floor((high - 1) / level.hours)
    local entries = load_entries(activity, level, first, last)
    if level.hours > 1 then return first, last, entries end
    return first, last, setmetatable({}, { __index = function(_, number)
      local part = activity.hours[number]
      return part and part.summary or entries[number]
    end })
  end

  local function sum_of_level(activity, at, low, high)
    if low >= high then return 0 end
    local level = LEVELS[at]
    local first, last, entries = entries_between(activity, level, low, high)
    local sum = 0
    for number = first, last do
      local entry, start, stop = entries[number], number * level.hours, (number + 1) * level.hours
      if entry then
        if start >= low and stop <= high then
          sum = sum + entry[2]
        else
          sum = sum + sum_of_level(activity, at + 1, math.max(start, low), math.min(stop, high))
        end
      end
    end
    return sum
  end

  local function find_at_level(activity, at, low, high, fits)
    local level = LEVELS[at]
    local first, last, entries = entries_between(activity, level, low, high)
    for number = first, last do
      if entries[number] and fits(entries[number]) then
        if level.hours == 1 then return number end
        local start = number * level.hours
        local found = find_at_level(activity, at + 1, math.max(start, low),
          math.min(start + level.hours, high), fits)
        if found then return found end
      end
    end
    return nil
  end

  local function last_hour(activity)
    return math.floor(activity.last / HOUR_S)
  end

  -- The level from which hours low .. high - 1 are read; nil where they are to be listed.
  local function level_for(activity, low, high)
    if activity.has_blocks then return 1 end
    return not activity.order and high - low <= HOURS_NAMED and #LEVELS or nil
  end

  -- Sum of the bookings of the hours low .. high - 1 of a long activity.
  function sum_of_hours(activity, low, high)
    low = math.max(low, math.floor(activity.first / HOUR_S))
    high = math.min(high, last_hour(activity) + 1)
    if low >= high then return 0 end
    local level = level_for(activity, low, high)
    if level then return sum_of_level(activity, level, low, high) end
    local sum = 0
    for _, number in ipairs(part_numbers(activity)) do
      if number >= low and number < high then sum = sum + part_of(activity, number).summary[2] end
    end
    return sum
  end

  -- The first hour from `low` on whose summary fits; what does not fit a block fits none of its
  -- hours. nil where there is none.
  function find_hour(activity, low, fits)
    local high = last_hour(activity) + 1
    if low >= high then return nil end
    local level = level_for(activity, low, high)
    if level then return find_at_level(activity, level, low, high, fits) end
    for _, number in ipairs(part_numbers(activity)) do
      if number >= low and fits(part_of(activity, number).summary) then return number end
    end
    return nil
  end
end
