-- Puts failed jobs off, or to the dead letters when they were delivered as often as they may be or
-- their delay is negative: at most SETTLE_MAX times id, token, delay in microseconds and reason.
-- Returns {buried, refused}.
local jobs, counts, ready, delayed, leased, dead, graves, bell = unpack(KEYS)
local deliveries_max = tonumber(ARGV[1])
local dead_max = tonumber(ARGV[2])
local buried, refused, sooner = 0, 0, false
local earliest = redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')
earliest = earliest[2] and tonumber(earliest[2]) or math.huge

for i = 3, #ARGV, 4 do
  local id, token, delay_us, reason = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2]), ARGV[i + 3]
  local payload = redis.call('HGET', jobs, id)
  if not payload or redis.call('HGET', counts, id) ~= token then
    refused = refused + 1
  elseif redis.call('ZREM', leased, id) + redis.call('ZREM', ready, id) > 0 then
    local deliveries = tonumber(token) % DELIVERIES
    if delay_us < 0 or deliveries >= deliveries_max then
      bury(dead, graves, dead_max, id, deliveries, reason, payload)
      redis.call('HDEL', jobs, id)
      redis.call('HDEL', counts, id)
      buried = buried + 1
    else
      local due_ms = math.ceil((now_us + delay_us) / 1000)
      redis.call('ZADD', delayed, whole(due_ms), id)
      sooner = sooner or due_ms < earliest
    end
  end
end
if sooner then
  ring(bell)
end
return { buried, refused }
