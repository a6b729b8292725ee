-- Atid sets: which atids are asked. In leaves an atid is as wide as its leaf has it, so a set is
-- also kept padded to each width.
-- @include lib/ids

-- The set of a packed msgpack array of packed ids; nil for an empty string, which is all atids.
local function atid_set(packed)
  if packed == '' then return nil end
  local ids = cmsgpack.unpack(packed)
  local set = { ids = ids, texts = {}, by_text = {}, by_width = {} }
  for at = 1, #ids do
    set.texts[at] = ':' .. id_text(ids[at])
    set.by_text[id_text(ids[at])] = true
  end
  for _, width in ipairs({ 1, 2, 4, 8 }) do
    local padded = {}
    for at = 1, #ids do
      local id = id_padded(ids[at], width)
      if id then padded[id] = true end
    end
    set.by_width[width] = padded
  end
  return set
end
