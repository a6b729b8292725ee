-- luacheck: globals init request, read_globals wrk
-- wrk script: POST /v1/write, each request a new activity of value 1 at a random second.
-- Arguments: number of users, first second, last second, seed (also the first activity).
local THINGS = {'steps', 'calories', 'distance', 'cb'}
local BODY = '{"thing":"%s","uid":%d,"atid":%d,"aid":%.0f,"value":1,"ts1":%.0f,"ts2":%.0f}'
local users, first, span, activity

function init(args)
  users, first = tonumber(args[1]), tonumber(args[2])
  span = tonumber(args[3]) - first
  activity = tonumber(args[4])
  math.randomseed(activity)
end

function request()
  local second = first + math.random(0, span)
  activity = activity + 1
  local body = string.format(BODY, THINGS[math.random(#THINGS)], math.random(users),
    math.random(12), activity, second, second)
  return wrk.format('POST', '/v1/write', {['Content-Type'] = 'application/json'}, body)
end
