-- Atid sets: which atids are asked. In leaves an atid is as wide as its leaf has it, so a set is
-- also kept padded to each width.
-- Seldom: made_set
-- @include lib/ids: id_text, id_padded

-- Padded to a width when the first leaf has it.
local PADDED = { __index = function(by_width, width)
  local padded = {}
  for _, id in ipairs(by_width.ids) do
    local wide = id_padded(id, width)
    if wide then padded[wide] = true end
  end
  by_width[width] = padded
  return padded
end }

local function made_set(packed)
  local ids = cmsgpack.unpack(packed)
  local set = { ids = ids, texts = {}, by_text = {}, by_width = setmetatable({}, PADDED) }
  set.by_width.ids = ids
  for at = 1, #ids do
    set.texts[at] = ':' .. id_text(ids[at])
    set.by_text[id_text(ids[at])] = true
  end
  return set
end

-- The set of a packed msgpack array of packed ids; nil for an empty string, which is all atids.
local function atid_set(packed)
  if packed == '' then return nil end
  return made_set(packed)
end
