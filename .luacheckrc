-- Redis runs Lua 5.1 with these tables; nothing else is global.
std = "lua51"
max_line_length = 100
read_globals = { "redis", "cjson", "cmsgpack", "bit", "struct", "KEYS", "ARGV" }

-- A script is one file behind those of its `-- @include lib/part: name, name` lines, so a file alone
-- uses locals of other files, and a file of lib/ is used by others only. Both follow from the
-- include lines: a name that a file uses and does not include stays undefined, and one of lib/ that
-- no file includes stays unused.

local function lines_of(path)
  local lines = {}
  for line in io.lines(path) do lines[#lines + 1] = line end
  return lines
end

local function script_paths()
  local paths = {}
  local listing = io.popen("find lua -name '*.lua'")
  for path in listing:lines() do paths[#paths + 1] = path end
  listing:close()
  return paths
end

local defined, included, words = {}, {}, {}

for _, path in ipairs(script_paths()) do
  defined[path], included[path], words[path] = {}, {}, {}
  for _, line in ipairs(lines_of(path)) do
    local names = line:match("^local function ([%w_]+)") or line:match("^local ([%w_, ]+)")
    for name in (names or ""):gmatch("[%w_]+") do defined[path][name] = true end
    local include, brought = line:match("^%-%- @include (%S+): (.+)$")
    for name in (brought or ""):gmatch("[%w_]+") do
      table.insert(included[path], { file = "lua/" .. include .. ".lua", name = name })
    end
    for word in line:gsub("%-%-.*$", ""):gmatch("[%a_][%w_]*") do
      words[path][word] = (words[path][word] or 0) + 1
    end
  end
end

for path in pairs(defined) do files[path] = { globals = {}, ignore = {} } end

-- luacheck calls a recursive function unused when only functions for other files use it. Its
-- definition and its call of itself are two mentions; a third is a use.
for path, names in pairs(defined) do
  for name in pairs(names) do
    if path:match("^lua/lib/") and (words[path][name] or 0) > 2 then
      table.insert(files[path].ignore, "211/^" .. name .. "$")
    end
  end
end

for path in pairs(defined) do
  for _, each in ipairs(included[path]) do
    table.insert(files[path].globals, each.name)
    -- 211: unused, 231: set but never read, 241: filled but never read; others do that.
    table.insert(files[each.file].ignore, "2[134]1/^" .. each.name .. "$")
  end
end
