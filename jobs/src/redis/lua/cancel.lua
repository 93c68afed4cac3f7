-- Deletes a job that waits, ready or delayed. One in flight stays. Returns 1 if it was deleted.
local jobs, counts, ready, delayed, bell = unpack(KEYS)
local id = ARGV[1]
if redis.call('ZREM', ready, id) + redis.call('ZREM', delayed, id) == 0 then
  return 0
end
redis.call('HDEL', jobs, id)
redis.call('HDEL', counts, id)
if redis.call('EXISTS', ready, delayed) == 0 then
  redis.call('DEL', bell)
end
return 1
