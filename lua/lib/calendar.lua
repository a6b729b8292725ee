-- Calendar: from a second (UTC) to the buckets that hold it. ISO weeks begin Monday 00:00,
-- issuance weeks Monday 05:00: that of a second is the ISO week of five hours earlier. Issuance
-- week 0 of rewards-api begins 2022-01-31 05:00:00.
-- @include lib/numbers: text
local ISSUANCE_OFFSET_S = 18000
-- Weeks of one hash: 13 of both kinds stay below 512 fields (a packed hash) with 18 atids.
local WEEKS_PER_KEY = 13

-- Year, month and day of a day number (0 is 1970-01-01), by 400-year eras from 0000-03-01.
local function civil(day)
  local shifted = day + 719468
  local era = math.floor(shifted / 146097)
  local in_era = shifted - era * 146097
  local year = math.floor((in_era - math.floor(in_era / 1460) + math.floor(in_era / 36524)
    - math.floor(in_era / 146096)) / 365)
  local in_year = in_era - (365 * year + math.floor(year / 4) - math.floor(year / 100))
  local march = math.floor((5 * in_year + 2) / 153)
  local month = march < 10 and march + 3 or march - 9
  local date = in_year - math.floor((153 * march + 2) / 5) + 1
  return year + era * 400 + (month < 3 and 1 or 0), month, date
end

-- Day number of 1 January of a year.
local function year_start(year)
  local before = year - 1
  local era = math.floor(before / 400)
  local in_era = before - era * 400
  return era * 146097 + in_era * 365 + math.floor(in_era / 4) - math.floor(in_era / 100)
    + 306 - 719468
end

local days, format = {}, string.format

-- One day: the labels of its month and of itself, the first seconds of both, its fields in the
-- hashes of years, months, days and weeks, and the suffixes of those hashes' keys.
local function day_of(second)
  local number = math.floor(second / 86400)
  local day = days[number]
  if day then return day end
  local year, month, date = civil(number)
  local thursday = math.floor((number + 3) / 7) * 7
  local iso_year = civil(thursday)
  local week = math.floor((thursday - year_start(iso_year)) / 7) + 1
  local year_text, week_text = text(year), text(week)
  local iso_text = iso_year == year and year_text or text(iso_year)
  local month_label = format('%04d%02d', year, month)
  day = {
    month_label = month_label, label = month_label .. format('%02d', date),
    month_start = (number - date + 1) * 86400, start = number * 86400, date = date,
    year_field = year_text, month_field = text(month), date_field = text(date),
    month_suffix = ':m:' .. year_text, day_suffix = ':d:' .. month_label,
    week_suffix = ':w:' .. iso_text .. ':' .. text(math.floor((week - 1) / WEEKS_PER_KEY)),
    week_field = week_text, issuance_field = 'i' .. week_text,
  }
  days[number] = day
  return day
end
