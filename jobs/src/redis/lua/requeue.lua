-- Makes a dead letter ready again, its deliveries counted from nought. If a job of that id has been
-- pushed since, the letter is only dropped. Returns 1 if there was one.
local jobs, ready, dead, graves, bell = unpack(KEYS)
local id = ARGV[1]
local grave = redis.call('HGET', graves, id)
if not grave then
  return 0
end
redis.call('ZREM', dead, id)
redis.call('HDEL', graves, id)
local payload = string.match(grave, '^[^\n]*\n[^\n]*\n(.*)$')
if payload and redis.call('HSETNX', jobs, id, payload) == 1 then
  redis.call('ZADD', ready, whole(now_us), id)
  ring(bell)
end
return 1
