-- Owners: the roots of the owners' keys that a call is about. On one server they are its KEYS; in
-- a cluster, where the KEYS of a call must be of one slot, they follow the arguments, and all of
-- them lie on the node that the call is sent to.

-- No key has the name of a root, and a node refuses to look for a key that it does not have in a
-- slot that is not, or will soon not be its own: so this fails for owners that are elsewhere or
-- on their way, before a script has written for any of them.
local function owner_roots(arguments)
  if #ARGV == arguments then return KEYS end
  local roots = {}
  for at = arguments + 1, #ARGV do
    redis.call('EXISTS', ARGV[at])
    roots[at - arguments] = ARGV[at]
  end
  return roots
end
