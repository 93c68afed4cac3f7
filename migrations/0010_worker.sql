-- Processes that work, each by its signs of life. It names no enterprise: a process serves all of them.
-- Times are the database clock's.
create table worker (
    id         text primary key,                                  -- the name that attempts are leased to
    kinds      text[] not null,                                   -- outbound::fleet::Kind
    host       text not null,
    pid        bigint not null,
    version    text not null,
    metrics    text,                                              -- address of its /metrics
    calls_up   integer not null default 0,
    calls_max  integer not null default 0,                        -- 0: it carries none
    stopping   boolean not null default false,                    -- it takes nothing new
    started_at timestamptz not null default clock_timestamp(),
    seen_at    timestamptz not null default clock_timestamp()
);
