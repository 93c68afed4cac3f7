-- Deletes finished jobs: at most SETTLE_MAX pairs of id and token. A token that is not the job's own
-- any more is a zombie's and refused. Returns how many were refused.
local jobs, counts, ready, leased = unpack(KEYS)
local ids = {}
for i = 1, #ARGV, 2 do
  ids[#ids + 1] = ARGV[i]
end
local held, done = redis.call('HMGET', counts, unpack(ids)), {}
for i, id in ipairs(ids) do
  if held[i] == ARGV[2 * i] then
    done[#done + 1] = id
  end
end
if #done > 0 then
  redis.call('HDEL', jobs, unpack(done))
  redis.call('HDEL', counts, unpack(done))
  -- A lease may have expired a moment ago with nobody there to take the job.
  if redis.call('ZREM', leased, unpack(done)) < #done then
    redis.call('ZREM', ready, unpack(done))
  end
end
return #ids - #done
