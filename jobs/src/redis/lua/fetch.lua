-- Leases up to `limit` ready jobs, after moving up to `chunk` due delayed jobs and `chunk` jobs of
-- expired leases to the ready ones. A job delivered too often goes to the dead letters instead.
-- Returns {now ms, ready left, place of the oldest of them in us, next due ms, in flight, delayed,
-- expired leases, buried, {{id, payload, token, place}, ...}}, with -1 for what is not there.
local jobs, counts, ready, delayed, leased, dead, graves, bell = unpack(KEYS)
local limit = tonumber(ARGV[1])
local lease_ms = tonumber(ARGV[2])
local deliveries_max = tonumber(ARGV[3])
local chunk = tonumber(ARGV[4])
local dead_max = tonumber(ARGV[5])
local horizon_ms = tonumber(ARGV[6])

-- Both sets have milliseconds for scores; the place in the ready set is when the job became due.
local function promote(from)
  local due = redis.call('ZRANGE', from, '-inf', now_ms, 'BYSCORE', 'LIMIT', 0, chunk, 'WITHSCORES')
  if #due == 0 then
    return 0
  end
  local ids, places = {}, {}
  for i = 1, #due, 2 do
    ids[#ids + 1] = due[i]
    places[#places + 1] = whole(due[i + 1] * 1000)
    places[#places + 1] = due[i]
  end
  redis.call('ZREM', from, unpack(ids))
  redis.call('ZADD', ready, unpack(places))
  return #ids
end

promote(delayed)
local expired = promote(leased)

local taken = redis.call('ZPOPMIN', ready, limit)
local out, leases, buried = {}, {}, 0
if #taken > 0 then
  local ids = {}
  for i = 1, #taken, 2 do
    ids[#ids + 1] = taken[i]
  end
  local payloads = redis.call('HMGET', jobs, unpack(ids))
  local counted = redis.call('HMGET', counts, unpack(ids))
  local until_ms, tokens = whole(now_ms + lease_ms), {}
  for i, id in ipairs(ids) do
    local payload, before = payloads[i], tonumber(counted[i] or 0)
    local deliveries = before % DELIVERIES + 1
    if not payload then
      redis.call('HDEL', counts, id)
    elseif deliveries > deliveries_max then
      bury(dead, graves, dead_max, id, deliveries - 1, 'its workers were lost', payload)
      redis.call('HDEL', jobs, id)
      redis.call('HDEL', counts, id)
      buried = buried + 1
    else
      -- Always above the last one, and never one again: also not after the data was rolled back.
      local since_ms = math.max(now_ms, math.floor(before / DELIVERIES))
      local token = whole(since_ms * DELIVERIES + deliveries)
      tokens[#tokens + 1] = id
      tokens[#tokens + 1] = token
      leases[#leases + 1] = until_ms
      leases[#leases + 1] = id
      out[#out + 1] = { id, payload, token, taken[2 * i] }
    end
  end
  if #leases > 0 then
    redis.call('HSET', counts, unpack(tokens))
    redis.call('ZADD', leased, unpack(leases))
  end
end

local left = redis.call('ZCARD', ready)
local oldest = -1
if left > 0 then
  oldest = redis.call('ZRANGE', ready, 0, 0, 'WITHSCORES')[2]
end
local next_due = redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')[2] or -1
local full = #taken / 2 == limit
if left > 0 or (full and tonumber(next_due) >= 0 and tonumber(next_due) < now_ms + horizon_ms) then
  ring(bell)
else
  -- Nothing is left for whom the bell was rung, and this caller learns what is due next.
  redis.call('DEL', bell)
end
return {
  whole(now_ms), left, oldest, next_due,
  redis.call('ZCARD', leased), redis.call('ZCARD', delayed), expired, buried, out,
}
