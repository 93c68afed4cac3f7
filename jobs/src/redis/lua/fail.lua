-- Puts failed jobs off, or to the dead letters when they were delivered as often as they may be or
-- their delay is negative: at most SETTLE_MAX times batch, seat, id, delay in microseconds and reason.
-- Returns {buried, refused}.
local jobs, counts, _, delayed, leased, held, contents, dead, graves, bell = unpack(KEYS)
local deliveries_max = tonumber(ARGV[1])
local dead_max = tonumber(ARGV[2])
local buried, refused, sooner = 0, 0, false
local earliest = redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')
earliest = earliest[2] and tonumber(earliest[2]) or math.huge

for i = 3, #ARGV, 5 do
  local batch, seat, id = ARGV[i], tonumber(ARGV[i + 1]), ARGV[i + 2]
  local delay_us, reason = tonumber(ARGV[i + 3]), ARGV[i + 4]
  if not leave(held, batch, seat) then
    refused = refused + 1
  else
    local deliveries = redis.call('HINCRBY', counts, id, 1)
    if delay_us < 0 or deliveries >= deliveries_max then
      bury(dead, graves, dead_max, id, deliveries, reason, redis.call('HGET', jobs, id))
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
put_away(leased, held, contents)
if sooner then
  ring(bell)
end
return { buried, refused }
