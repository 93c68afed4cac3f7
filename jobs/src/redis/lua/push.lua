-- Adds jobs: at most PUSH_MAX triples of id, payload and delay in microseconds.
-- A job whose id is queued, delayed or in flight is left as it is. Returns how many were new.
local jobs, ready, delayed, bell = unpack(KEYS)

local last = redis.call('ZRANGE', ready, -1, -1, 'WITHSCORES')
local place = now_us
if last[2] and tonumber(last[2]) >= place then
  place = tonumber(last[2]) + 1
end
local earliest = redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')
earliest = earliest[2] and tonumber(earliest[2]) or math.huge

local now, later, sooner = {}, {}, false
for i = 1, #ARGV, 3 do
  local id, delay_us = ARGV[i], tonumber(ARGV[i + 2])
  if redis.call('HSETNX', jobs, id, ARGV[i + 1]) == 1 then
    if delay_us == 0 then
      now[#now + 1] = whole(place)
      now[#now + 1] = id
      place = place + 1
    else
      -- Rounded up: never early.
      local due_ms = math.ceil((now_us + delay_us) / 1000)
      later[#later + 1] = whole(due_ms)
      later[#later + 1] = id
      sooner = sooner or due_ms < earliest
    end
  end
end

if #now > 0 then
  redis.call('ZADD', ready, unpack(now))
end
if #later > 0 then
  redis.call('ZADD', delayed, unpack(later))
end
if #now > 0 or sooner then
  ring(bell)
end
return (#now + #later) / 2
