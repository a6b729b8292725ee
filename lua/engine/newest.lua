-- Tell the newest second that a page of owners has booked of some things.
-- KEYS     roots of the owners' keys, of one partition
-- ARGV[1]  msgpack array of thing numbers
-- Returns: list: false, since nothing that has expired is asked for, then the second, or false for
--          none, and how many of the owners are answered (others follow by another call)
-- Errors: none of its own
-- Mode: read
-- Idempotent: yes
-- Cost: per owner and thing one field, 1 us; of an owner without it (lib/newest) up to 5 hashes
--       and a leaf; 1,000 owners, at most what lib/effort allows
-- @include lib/newest: note_newest_of, newest_told
-- @include lib/effort: spend, next_effort, is_page_spent

local things, answered = cmsgpack.unpack(ARGV[1]), 0
for number, root in ipairs(KEYS) do
  next_effort()
  if is_page_spent() then break end
  answered = number
  for _, thing in ipairs(things) do
    note_newest_of(root .. ':' .. thing)
    spend(5)
  end
end
return { false, newest_told(), answered }
