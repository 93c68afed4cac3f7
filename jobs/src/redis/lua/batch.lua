-- The jobs that one fetch took are a batch, with one lease. Each has a seat in it, counted from 1, and is in flight
-- while the seat is taken. A batch without a job in flight is deleted.
local TAKEN, LEFT = string.byte('10', 1, 2)
local seats_of, changed = {}, {}

local function flies(held, batch, seat)
  local seats = seats_of[batch]
  if not seats then
    seats = { string.byte(redis.call('HGET', held, batch) or '', 1, -1) }
    seats_of[batch] = seats
  end
  return seats[seat] == TAKEN
end

-- Lets a job leave its seat, and says whether it had it: whoever is told no is a zombie, as another
-- delivery has the job. `put_away` writes it.
local function leave(held, batch, seat)
  if not flies(held, batch, seat) then
    return false
  end
  seats_of[batch][seat] = LEFT
  changed[batch] = true
  return true
end

-- Seats a job where none sits any more; only `adopt` does. `put_away` writes it.
local function sit(batch, seat)
  local seats = seats_of[batch]
  for free = #seats + 1, seat - 1 do
    seats[free] = LEFT
  end
  seats[seat] = TAKEN
  changed[batch] = true
end

local function put_away(leased, held, contents)
  for batch in pairs(changed) do
    local seats = string.char(unpack(seats_of[batch]))
    if string.find(seats, '1', 1, true) then
      redis.call('HSET', held, batch, seats)
    else
      redis.call('ZREM', leased, batch)
      redis.call('HDEL', held, batch)
      redis.call('HDEL', contents, batch)
    end
    changed[batch] = nil
  end
end
