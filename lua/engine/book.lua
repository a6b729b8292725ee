-- Book batches of reports and increments: of each owner all of it, or of a refused one nothing.
-- KEYS     roots of the owners' keys, hash tag included, e.g. psd:{p0}:1503960366 of one
--          partition
-- ARGV[1]  msgpack array by owner of one array of its reports, seven elements each: thing, atid,
--          aid, value, ts1, ts2 and marker; thing a number, atid and aid packed ids, value an
--          integer within +-(2^53 - 1), times Unix seconds, marker 8 bytes for an increment, false
--          for a report; behind it, where an owner has a fence, another array by owner of
--          [name, number] or false, numbers from 0 to 2^53 - 1
-- ARGV[2]  seven msgpack numbers: lifetimes in seconds of year, month, week, day, second and
--          activity keys and of markers; 0 is for ever, -1 again for ever; then a map of things
--          whose boards are not kept to the second: their numbers as texts, "day" or "none"; then,
--          if there are any, a map of things with lifetimes of their own: {second, activity}
-- Returns: a list of codes, owner by owner: 0 unchanged, 1 booked, 2 duplicate, 3 out of bounds,
--          4 of an activity that was withdrawn, 6 superseded: the owner's fence holds a greater
--          number, and nothing of the owner is written, 7 its hour has as many reports of the
--          activity as one may have
-- Errors: PSD_OUT_OF_BOUNDS an hour or minute of a busy day passes the bound: nothing is
--         written, and one report a call tells which; PSD_HEAVY n: the call is too much for one,
--         nothing is written, n of its reports may not be; a key of a foreign type fails whole
-- Mode: write
-- Idempotent: yes; a report replaces the one with its window, an increment is marked
-- Cost: O(1) per report that is its activity's newest; else O(records of the activity's hour), up
--       to 4,096, and of what it changes; a call ends at some 8 ms (lib/work), one of a single
--       report at 12 ms; batches up to 1,000
-- @include lib/book_report: too_heavy, book_batches
-- @include lib/activity_writes: save_activities
-- @include lib/cells: save_cells
-- @include lib/columns: note_columns
-- @include lib/newest_writes: save_newest
-- @include lib/work: is_too_heavy
-- @include lib/writes: read_lifetimes, flush_writes

local roots = KEYS
read_lifetimes(ARGV[2])

local codes, refusal = book_batches(roots, cmsgpack.unpack(ARGV[1]))
if not codes then return refusal end
save_activities()
note_columns()
if is_too_heavy() then return too_heavy(#codes) end
flush_writes()
save_cells()
save_newest()
return codes
