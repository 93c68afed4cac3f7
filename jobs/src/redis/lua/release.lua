-- Gives leased jobs back, to the place that they were taken from: at most SETTLE_MAX times id,
-- token, place and whether the delivery counts (it does when the handler had started).
-- The token of a delivery that does not count starts anew, so that it can't be used again.
local counts, ready, leased, bell = unpack(KEYS)
local given = 0
for i = 1, #ARGV, 4 do
  local id, token, place, counted = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  if redis.call('HGET', counts, id) == token and redis.call('ZREM', leased, id) == 1 then
    if counted == '0' then
      local deliveries = tonumber(token) % DELIVERIES - 1
      redis.call('HSET', counts, id, whole((now_ms + 1) * DELIVERIES + deliveries))
    end
    redis.call('ZADD', ready, place, id)
    given = given + 1
  end
end
if given > 0 then
  ring(bell)
end
return given
