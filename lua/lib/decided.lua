-- Versions of decisions: one that comes behind a later one about the same subject is refused.

-- Whether the field of a hash of versions holds a later one. A field that is none holds 0.
local function is_overtaken(versions, subject, version)
  return tonumber(redis.call('HGET', versions, subject) or '0') > tonumber(version)
end

local function overtaken()
  return redis.error_reply('PSD_OVERTAKEN a later decision stands')
end
