-- luacheck: globals init request, read_globals wrk
-- wrk script: GET /v1/query with a random user, thing and range in each request.
-- Arguments: number of users, first second, last second, seed.
local THINGS = {'steps', 'calories', 'distance', 'cb'}
local users, first, span

function init(args)
  users, first = tonumber(args[1]), tonumber(args[2])
  span = tonumber(args[3]) - first
  math.randomseed(tonumber(args[4]))
end

function request()
  local a, b = math.random(0, span), math.random(0, span)
  local path = string.format('/v1/query/%d/%s/all/%.0f/%.0f', math.random(users),
    THINGS[math.random(#THINGS)], first + math.min(a, b), first + math.max(a, b))
  return wrk.format('GET', path)
end
