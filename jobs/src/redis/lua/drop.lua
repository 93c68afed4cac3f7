-- Drops a dead letter for good. Returns 1 if there was one.
local dead, graves = unpack(KEYS)
redis.call('HDEL', graves, ARGV[1])
return redis.call('ZREM', dead, ARGV[1])
