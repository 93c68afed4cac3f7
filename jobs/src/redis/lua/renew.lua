-- Renews the leases of batches: after the lease in ms, at most SETTLE_MAX times batch, seat and id.
-- Returns for each: 1 held, 0 lost to another delivery, 2 not known to Redis any more.
-- A lease that has expired but of which nobody has taken anything yet is taken back.
local jobs, leased, held = unpack(KEYS)
local until_ms = whole(now_ms + tonumber(ARGV[1]))
local out, renewed = {}, {}
for i = 2, #ARGV, 3 do
  local batch, seat, id = unpack(ARGV, i, i + 2)
  if flies(held, batch, tonumber(seat)) then
    if not renewed[batch] then
      redis.call('ZADD', leased, until_ms, batch)
      renewed[batch] = true
    end
    out[#out + 1] = 1
  elseif redis.call('HEXISTS', jobs, id) == 1 then
    out[#out + 1] = 0
  else
    out[#out + 1] = 2
  end
end
return out
