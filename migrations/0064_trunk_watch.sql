-- How each trunk is, as each process that dials sees it. A row that is old says nothing: whoever wrote it is gone.
create table trunk_watch (
    trunk_id uuid not null references trunk (id) on delete cascade,
    worker   text not null,                                       -- the name that attempts are leased to
    health   jsonb not null,                                      -- outbound::trunk::health::TrunkHealth
    seen_at  timestamptz not null default clock_timestamp(),
    primary key (trunk_id, worker)
);
