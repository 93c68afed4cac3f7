-- Lets other jobs follow in the seats of jobs that are done: the lease in ms for batches that are not known, then at most
-- SETTLE_MAX times batch, seat, id of the job that is done, id of the one that follows, and its payload.
-- A seat that is not taken is taken again: Redis was emptied, or another worker has the job that is done. The job that
-- follows is nobody else's. Returns how many of the done jobs were another's.
local jobs, counts, leased, held, contents = unpack(KEYS)
local until_ms = whole(now_ms + tonumber(ARGV[1]))
local inside, done, follow, lost = {}, {}, {}, 0

for i = 2, #ARGV, 5 do
  local batch, seat, id = ARGV[i], tonumber(ARGV[i + 1]), ARGV[i + 3]
  local ids = inside[batch]
  if not ids then
    local packed = redis.call('HGET', contents, batch)
    ids = packed and cmsgpack.unpack(packed) or {}
    inside[batch] = ids
  end
  if flies(held, batch, seat) then
    done[#done + 1] = ARGV[i + 2]
  else
    sit(batch, seat)
    redis.call('ZADD', leased, until_ms, batch)
    lost = lost + 1
  end
  for free = #ids + 1, seat - 1 do
    ids[free] = ''
  end
  ids[seat] = id
  follow[#follow + 1] = id
  follow[#follow + 1] = ARGV[i + 4]
end

if #done > 0 then
  redis.call('HDEL', jobs, unpack(done))
  redis.call('HDEL', counts, unpack(done))
end
redis.call('HSET', jobs, unpack(follow))
for batch, ids in pairs(inside) do
  redis.call('HSET', contents, batch, cmsgpack.pack(ids))
end
put_away(leased, held, contents)
return lost
