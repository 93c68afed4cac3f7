-- Takes up to `limit` jobs as one batch: those of expired leases first, then the ready ones, after
-- moving up to `chunk` due delayed jobs to them. A job delivered too often goes to the dead letters.
-- Returns {now ms, ready left, when to look again in ms, jobs of expired leases, buried, place of the
-- first that was ready, {id, ...}, {payload, ...}, {deliveries, ...}}, with -1 for what is not there, and
-- no deliveries when it is the first one of all.
local jobs, counts, ready, delayed, leased, held, contents, dead, graves, bell = unpack(KEYS)
local batch = ARGV[1]
local limit = tonumber(ARGV[2])
local lease_ms = tonumber(ARGV[3])
local deliveries_max = tonumber(ARGV[4])
local chunk = tonumber(ARGV[5])
local dead_max = tonumber(ARGV[6])
local horizon_ms = tonumber(ARGV[7])

-- The place in the ready set is when the job became due, in us; the delayed ones have ms.
local due = redis.call('ZRANGE', delayed, '-inf', now_ms, 'BYSCORE', 'LIMIT', 0, chunk, 'WITHSCORES')
if #due > 0 then
  local ids, places = {}, {}
  for i = 1, #due, 2 do
    ids[#ids + 1] = due[i]
    places[#places + 1] = whole(due[i + 1] * 1000)
    places[#places + 1] = due[i]
  end
  redis.call('ZREM', delayed, unpack(ids))
  redis.call('ZADD', ready, unpack(places))
end

local function late_batch()
  return redis.call('ZRANGE', leased, '-inf', now_ms, 'BYSCORE', 'LIMIT', 0, 1)[1]
end

local place = redis.call('ZRANGE', ready, 0, 0, 'WITHSCORES')[2] or -1
local ids, expired = {}, 0
local late = late_batch()
while late and expired < limit do
  local before, inside = expired, redis.call('HGET', contents, late)
  -- Only as many as are wanted: its worker may come back for the others.
  for seat, id in ipairs(inside and cmsgpack.unpack(inside) or {}) do
    if expired < limit and leave(held, late, seat) then
      redis.call('HINCRBY', counts, id, 1)
      expired = expired + 1
      ids[expired] = id
    end
  end
  put_away(leased, held, contents)
  if expired == before then
    -- A Redis that evicts has lost what was in it. The queue goes on.
    redis.call('ZREM', leased, late)
  end
  late = late_batch()
end
if expired == 0 then
  ids = redis.call('ZRANGE', ready, 0, limit - 1)
elseif expired < limit then
  for _, id in ipairs(redis.call('ZRANGE', ready, 0, limit - expired - 1)) do
    ids[#ids + 1] = id
  end
end
if #ids > expired then
  redis.call('ZREMRANGEBYRANK', ready, 0, #ids - expired - 1)
end
local full = #ids == limit

local deliveries, buried = {}, 0
local payloads = #ids > 0 and redis.call('HMGET', jobs, unpack(ids)) or {}
if #ids > 0 and redis.call('EXISTS', counts) == 1 then
  local all_ids, all_payloads = ids, payloads
  local came_back = redis.call('HMGET', counts, unpack(ids))
  ids, payloads = {}, {}
  for i, id in ipairs(all_ids) do
    local before = tonumber(came_back[i] or 0)
    if before >= deliveries_max then
      bury(dead, graves, dead_max, id, before, 'its workers were lost', all_payloads[i])
      redis.call('HDEL', jobs, id)
      redis.call('HDEL', counts, id)
      buried = buried + 1
    else
      ids[#ids + 1], payloads[#payloads + 1] = id, all_payloads[i]
      deliveries[#deliveries + 1] = before + 1
    end
  end
end
if #ids > 0 then
  redis.call('ZADD', leased, whole(now_ms + lease_ms), batch)
  redis.call('HSET', held, batch, string.rep('1', #ids))
  redis.call('HSET', contents, batch, cmsgpack.pack(ids))
end

local left = redis.call('ZCARD', ready)
local again_ms = redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')[2] or -1
if late then
  again_ms = whole(now_ms)
end
if left > 0 or (full and tonumber(again_ms) >= 0 and tonumber(again_ms) < now_ms + horizon_ms) then
  ring(bell)
else
  -- Nothing is left for whom the bell was rung, and this caller learns what is due next.
  redis.call('DEL', bell)
end
return {
  whole(now_ms), left, again_ms, expired, buried, place, ids, payloads, deliveries,
}
