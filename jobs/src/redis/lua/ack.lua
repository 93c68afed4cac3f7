-- Deletes finished jobs: at most SETTLE_MAX of them, as a batch, their seats in it, a byte each, and
-- their ids, and again for the next batch. Returns how many were refused.
local jobs, counts, leased, held, contents = unpack(KEYS)
local some_came_back = redis.call('EXISTS', counts) == 1
local refused, at = 0, 1
while at <= #ARGV do
  local batch, seats, done = ARGV[at], { string.byte(ARGV[at + 1], 1, -1) }, {}
  for i, seat in ipairs(seats) do
    if leave(held, batch, seat) then
      done[#done + 1] = ARGV[at + 1 + i]
    end
  end
  if #done > 0 then
    redis.call('HDEL', jobs, unpack(done))
    if some_came_back then
      redis.call('HDEL', counts, unpack(done))
    end
  end
  refused = refused + #seats - #done
  at = at + 2 + #seats
end
put_away(leased, held, contents)
return refused
