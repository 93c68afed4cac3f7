-- Passes the bell on to another idle worker, if there is something to wake it for.
local ready, delayed, bell = unpack(KEYS)
if redis.call('EXISTS', ready, delayed) > 0 then
  ring(bell)
end
return 0
