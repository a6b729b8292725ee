"""psd's Lua scripts under a guard: Redis does not take back what a failed script has written.

A guarded script fails at the first command that breaks the rule *read and check everything, then
write*: a read behind a write, a write that depends on the type of a key nobody has looked at, and
an XADD, which may refuse its id, behind any other write. What runs under ``pcall`` may fail.

>>> folder = guarded_lua_folder(tmp_path, lua_folder())
>>> monkeypatch.setattr(scripts, "lua_folder", lambda: folder)
"""

from __future__ import annotations

import shutil
from pathlib import Path

from psd.store.scripts import script_names

BROKEN = "not read and checked first"

GUARD = f"""-- Guard. Two locals: the longest script leaves a handful of the 200 that Lua has.
local redis, pcall = (function()
  local real, real_pcall, caught, has_written, looked_at = redis, pcall, 0, false, {{}}
  -- Of any key; their arguments are made by psd.
  local never_fail = {{ SET = true, DEL = true, UNLINK = true, EXPIRE = true, PEXPIRE = true,
    PERSIST = true }}
  -- Only of a key of their type, or that is there.
  local typed = {{ APPEND = true, SETRANGE = true, HSET = true, HDEL = true, SADD = true,
    SREM = true, RENAME = true, XADD = true }}

  local function call(verb, key, ...)
    local writes = never_fail[verb] or typed[verb]
    if has_written and caught == 0 then
      if not writes or verb == 'XADD' or (typed[verb] and not looked_at[key]) then
        error('{BROKEN}: ' .. verb .. ' ' .. key)
      end
    end
    local reply = real.call(verb, key, ...)
    has_written = has_written or writes
    looked_at[key] = true
    return reply
  end

  local function guarded_pcall(...)
    caught = caught + 1
    local is_done, reply = real_pcall(...)
    caught = caught - 1
    return is_done, reply
  end

  return setmetatable({{ call = call }}, {{ __index = real }}), guarded_pcall
end)()
"""


def guarded_lua_folder(into: Path, folder: Path) -> Path:
    """A copy of the scripts in ``folder`` in which each begins with the guard."""
    copied = into / f"guarded {folder.name}"
    shutil.copytree(folder, copied)
    (copied / "lib" / "guard.lua").write_text(GUARD, encoding="utf-8")
    for name in script_names(folder):
        path = copied / f"{name.replace('.', '/')}.lua"
        text = path.read_text(encoding="utf-8")
        path.write_text(f"-- @include lib/guard\n{text}", encoding="utf-8")
    return copied
