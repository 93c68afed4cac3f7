-- Gives leased jobs back, to about the place that they were taken from: at most SETTLE_MAX times
-- batch, seat, id, place and whether the delivery counts (it does when the handler had started).
local counts, ready, leased, held, contents, bell = unpack(KEYS)
local given = 0
for i = 1, #ARGV, 5 do
  local batch, seat, id, place, counted = unpack(ARGV, i, i + 4)
  if leave(held, batch, tonumber(seat)) then
    if counted == '1' then
      redis.call('HINCRBY', counts, id, 1)
    end
    redis.call('ZADD', ready, place, id)
    given = given + 1
  end
end
put_away(leased, held, contents)
if given > 0 then
  ring(bell)
end
return given
