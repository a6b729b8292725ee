"""psd's Lua scripts under a guard: Redis does not take back what a failed script has written.

A guarded script fails at the first command that breaks the rule *read and check everything, then
write*: a read behind a write, a write that depends on the type of a key nobody has looked at, and
an XADD, which may refuse its id, behind any other write. What runs under ``pcall`` may fail.

>>> folder = guarded_lua_folder(tmp_path, lua_folder())
>>> monkeypatch.setattr(scripts, "lua_folder", lambda: folder)
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

_CALL = re.compile(r"\b(?:redis\.(call)|(pcall))(?=\()")

BROKEN = "not read and checked first"

GUARD = f"""-- Guard: what the scripts call in the place of redis.call and pcall.
local guarded = (function()
  local caught, has_written, looked_at = 0, false, {{}}
  -- Of any key; their arguments are made by psd.
  local never_fail = {{ SET = true, DEL = true, UNLINK = true, EXPIRE = true, PEXPIRE = true,
    PERSIST = true }}
  -- Only of a key of their type, or that is there.
  local typed = {{ APPEND = true, SETRANGE = true, HSET = true, HDEL = true, SADD = true,
    SREM = true, ZADD = true, ZREM = true, RENAME = true, XADD = true, BITFIELD = true }}

  local function call(verb, key, ...)
    local writes = never_fail[verb] or typed[verb]
    if has_written and caught == 0 then
      if not writes or verb == 'XADD' or (typed[verb] and not looked_at[key]) then
        error('{BROKEN}: ' .. verb .. ' ' .. key)
      end
    end
    local reply = redis.call(verb, key, ...)
    has_written = has_written or writes
    looked_at[key] = true
    return reply
  end

  local function guarded_pcall(...)
    caught = caught + 1
    local is_done, reply = pcall(...)
    caught = caught - 1
    return is_done, reply
  end

  return {{ call = call, pcall = guarded_pcall }}
end)()
"""


def guarded_lua_folder(into: Path, folder: Path) -> Path:
    """A copy of the scripts in ``folder`` in which each calls through the guard."""
    copied = into / f"guarded {folder.name}"
    shutil.copytree(folder, copied)
    for path in copied.rglob("*.lua"):
        text = _CALL.sub(r"guarded.\1\2", path.read_text(encoding="utf-8"))
        if "guarded." in text:
            text = f"-- @include lib/guard: guarded\n{text}"
        path.write_text(text, encoding="utf-8")
    (copied / "lib" / "guard.lua").write_text(GUARD, encoding="utf-8")
    return copied
