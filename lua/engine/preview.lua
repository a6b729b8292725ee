-- Say what booking batches of reports and increments would change, as engine/book would have it.
-- KEYS     roots of the owners' keys, as of engine/book
-- ARGV[1]  the batches, as of engine/book
-- ARGV[2]  lifetimes, as of engine/book
-- Returns: a list of codes, as of engine/book
-- Errors: PSD_OUT_OF_BOUNDS, PSD_HEAVY and others, as of engine/book
-- Mode: read
-- Idempotent: yes
-- Cost: as of engine/book, without its writes; batches up to 1,000
-- @include lib/book_report: book_batches
-- @include lib/writes: read_lifetimes

local roots = KEYS
read_lifetimes(ARGV[2])

local codes, refusal = book_batches(roots, cmsgpack.unpack(ARGV[1]))
return codes or refusal
