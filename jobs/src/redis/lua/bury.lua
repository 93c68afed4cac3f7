-- Moves a job that was already taken off its queue to the dead letters, and drops the oldest of
-- them above the bound.
local function bury(dead, graves, dead_max, id, deliveries, reason, payload)
  redis.call('ZADD', dead, whole(now_us), id)
  redis.call('HSET', graves, id, whole(deliveries) .. '\n' .. reason .. '\n' .. (payload or ''))
  local above = redis.call('ZCARD', dead) - dead_max
  if above > 0 then
    local oldest = redis.call('ZPOPMIN', dead, math.min(above, 10))
    for i = 1, #oldest, 2 do
      redis.call('HDEL', graves, oldest[i])
    end
  end
end
