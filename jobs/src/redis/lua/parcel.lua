-- What one fetch took is a parcel, with one lease. Each of its jobs has a seat in it, from 1; a job is
-- in flight while its seat is taken. A parcel of which nothing is in flight any more is gone.
local TAKEN, LEFT = string.byte('10', 1, 2)
local seats_of, changed = {}, {}

local function flies(held, parcel, seat)
  local seats = seats_of[parcel]
  if not seats then
    seats = { string.byte(redis.call('HGET', held, parcel) or '', 1, -1) }
    seats_of[parcel] = seats
  end
  return seats[seat] == TAKEN
end

-- Lets a job leave its seat, and says whether it had it: whoever is told no is a zombie, as another
-- delivery has the job. `put_away` writes it.
local function leave(held, parcel, seat)
  if not flies(held, parcel, seat) then
    return false
  end
  seats_of[parcel][seat] = LEFT
  changed[parcel] = true
  return true
end

local function put_away(leased, held, contents)
  for parcel in pairs(changed) do
    local seats = string.char(unpack(seats_of[parcel]))
    if string.find(seats, '1', 1, true) then
      redis.call('HSET', held, parcel, seats)
    else
      redis.call('ZREM', leased, parcel)
      redis.call('HDEL', held, parcel)
      redis.call('HDEL', contents, parcel)
    end
    changed[parcel] = nil
  end
end
