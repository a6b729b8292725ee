"""A Lua script that tells what it touched: the work of a call without a clock.

The script runs as it is, inside a function before which ``redis``, ``struct``, ``string``,
``cmsgpack`` and ``table`` are such as count::

>>> touched = Touched(load_script("engine.book"))
>>> (await touched.run(client, call.roots, call.packed(), lifetimes)).total
412

``total`` adds up the commands sent to Redis, the values that came back, the bytes of strings in
blocks of 64, and the calls and values of packing: each is a microsecond at most.
"""

from __future__ import annotations

from typing import Any

import msgspec
from redis.asyncio import Redis

from psd.store.scripts import Script

_BEFORE = """
local touched = { commands = 0, values = 0, packed = 0, moved = 0 }
local function size_of(value)
  if type(value) == 'string' then return 1 + math.floor(#value / 64) end
  if type(value) ~= 'table' then return 1 end
  local size = 1
  for at = 1, #value do size = size + size_of(value[at]) end
  return size
end
local function counting(library, names, kind)
  local wrapped = {}
  for _, name in ipairs(names) do
    local inner = library[name]
    wrapped[name] = function(...)
      local given = select('#', ...)
      local results = { inner(...) }
      touched[kind] = touched[kind] + 1 + math.floor((given + #results) / 4)
      return unpack(results, 1, #results)
    end
  end
  return setmetatable(wrapped, { __index = library })
end
local plain_redis, plain_table = redis, table
local redis = setmetatable({ call = function(...)
  local reply = plain_redis.call(...)
  touched.commands = touched.commands + 1
  touched.values = touched.values + size_of(reply)
  for at = 3, select('#', ...) do
    touched.values = touched.values + size_of((select(at, ...)))
  end
  return reply
end }, { __index = plain_redis })
local struct = counting(struct, { 'pack', 'unpack' }, 'packed')
local cmsgpack = counting(cmsgpack, { 'pack', 'unpack', 'unpack_limit' }, 'packed')
local string = counting(string, { 'sub', 'byte', 'find', 'match', 'format', 'rep' }, 'packed')
local table = setmetatable({
  insert = function(list, at, value)
    if value == nil then return plain_table.insert(list, at) end
    touched.moved = touched.moved + math.floor((#list - at) / 16) + 1
    return plain_table.insert(list, at, value)
  end,
  concat = function(list, ...)
    touched.moved = touched.moved + #list
    return plain_table.concat(list, ...)
  end,
  sort = function(list, ...)
    touched.moved = touched.moved + #list
    return plain_table.sort(list, ...)
  end,
}, { __index = plain_table })
local function main()
"""

_AFTER = """
end
local reply = main()
return { reply, touched.commands, touched.values, touched.packed, touched.moved }
"""


class Work(msgspec.Struct, frozen=True):
    """What one call touched, and what the script itself answered."""

    reply: Any
    commands: int
    values: int
    packed: int
    moved: int

    @property
    def total(self) -> int:
        """All of it added up."""
        return self.commands + self.values + self.packed + self.moved


class Touched:
    """One script, counted."""

    def __init__(self, script: Script) -> None:
        self.source = _BEFORE + script.source + _AFTER

    async def run(self, client: Redis, keys: list[str], *arguments: bytes | str | int) -> Work:
        """Run it once; its writes are real. An error of the script is raised as redis-py does."""
        return Work(*await client.eval(self.source, len(keys), *keys, *arguments))
