-- Trunks, the caller IDs that belong to them, and what is said on a call.

create table trunk (
    id              uuid primary key,
    enterprise_id   uuid not null references enterprise,
    name            text not null,
    config          jsonb not null,          -- outbound::trunk::TrunkConfig
    breaker         text not null default 'closed' check (breaker in ('closed', 'open', 'probing')),
    breaker_until   timestamptz,             -- when an open breaker next lets a probe through
    version         bigint not null default 1,
    edited_slot     bigint not null default 0,   -- attempts up to this slot were claimed before the last edit
    created_at      timestamptz not null,
    unique (enterprise_id, name)
);

-- Refusals by the line itself in ten-second buckets: what the circuit breaker decides from.
create table trunk_health (
    trunk_id  uuid not null references trunk on delete cascade,
    bucket    timestamptz not null,
    accepted  integer not null default 0,
    refused   integer not null default 0,
    primary key (trunk_id, bucket)
);

create table caller_id (
    id            uuid primary key,
    enterprise_id uuid not null references enterprise,
    trunk_id      uuid not null references trunk,
    phone         bigint not null,
    label         text not null default '',
    province      text not null default '',
    city          text not null default '',
    version       bigint not null default 1,
    created_at    timestamptz not null,
    unique (enterprise_id, phone)
);
create index caller_id_trunk on caller_id (trunk_id);

create table period (
    id            uuid primary key,
    enterprise_id uuid not null references enterprise,
    name          text not null,
    config        jsonb not null,            -- outbound::period::PeriodConfig
    version       bigint not null default 1,
    created_at    timestamptz not null,
    unique (enterprise_id, name)
);

create table robot (
    id            uuid primary key,
    enterprise_id uuid not null references enterprise,
    name          text not null,
    config        jsonb not null,            -- dialog::robot::RobotConfig
    version       bigint not null default 1,
    created_at    timestamptz not null,
    unique (enterprise_id, name)
);

create table navigation (
    id                uuid primary key,
    enterprise_id     uuid not null references enterprise,
    name              text not null,
    draft             jsonb not null,        -- dialog::navigation::Navigation
    published_version integer,
    version           bigint not null default 1,
    created_at        timestamptz not null,
    unique (enterprise_id, name)
);

-- Published content, with the robots it uses as they were at publication. Never changed.
create table navigation_version (
    navigation_id uuid not null references navigation on delete cascade,
    number        integer not null,
    content       jsonb not null,            -- dialog::navigation::Published
    published_at  timestamptz not null,
    primary key (navigation_id, number)
);
