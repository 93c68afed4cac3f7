-- Renews leases: at most SETTLE_MAX pairs of id and token, after the lease in ms.
-- Returns for each: 1 held, 0 lost to another delivery, 2 not known to Redis any more.
-- A lease that has expired but that nobody has taken yet is taken back.
local counts, ready, leased = unpack(KEYS)
local until_ms = whole(now_ms + tonumber(ARGV[1]))
local ids = {}
for i = 2, #ARGV, 2 do
  ids[#ids + 1] = ARGV[i]
end
local held, out, leases, back = redis.call('HMGET', counts, unpack(ids)), {}, {}, {}
for i, id in ipairs(ids) do
  if not held[i] then
    out[i] = 2
  elseif held[i] ~= ARGV[2 * i + 1] then
    out[i] = 0
  elseif redis.call('ZSCORE', leased, id) or redis.call('ZREM', ready, id) == 1 then
    leases[#leases + 1] = until_ms
    leases[#leases + 1] = id
    out[i] = 1
  else
    -- Settled already: it waits for its next delivery.
    out[i] = 0
  end
end
if #leases > 0 then
  redis.call('ZADD', leased, unpack(leases))
end
return out
