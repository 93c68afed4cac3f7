-- The clock of every queue is Redis' own: microseconds, and whole milliseconds gone by.
local now_us
do
  local time = redis.call('TIME')
  now_us = time[1] * 1000000 + time[2]
end
local now_ms = math.floor(now_us / 1000)

-- Lua prints numbers of more than 14 digits in scientific notation; Redis would not read them.
local function whole(number)
  return string.format('%.0f', number)
end

-- One token in the bell wakes one idle worker, which passes it on while there is more to do.
local function ring(bell)
  if redis.call('LLEN', bell) == 0 then
    redis.call('RPUSH', bell, '1')
  end
end
