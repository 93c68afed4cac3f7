-- Tenants, who may act for them, and what they did.
-- Times are business times written by the caller unless a comment says "database clock".

create table enterprise (
    id          uuid primary key,
    name        text not null unique,
    settings    jsonb not null,              -- outbound::enterprise::EnterpriseSettings
    version     bigint not null default 1,
    edited_slot bigint not null default 0,   -- attempts up to this slot were claimed before the last edit
    created_at  timestamptz not null
);

create table api_key (
    id            uuid primary key,
    enterprise_id uuid not null references enterprise,
    name          text not null,
    prefix        text not null,
    secret_hash   bytea not null unique,     -- SHA-256 of the whole key
    role          text not null check (role in ('admin', 'operator', 'viewer')),
    permissions   text[] not null default '{}',
    created_at    timestamptz not null,
    last_used_at  timestamptz,
    revoked_at    timestamptz
);
create index api_key_enterprise on api_key (enterprise_id, id);

create table audit_entry (
    id            uuid primary key,
    enterprise_id uuid not null references enterprise,
    at            timestamptz not null,
    actor         text not null,
    source        text not null,
    action        text not null,
    target        text not null,
    detail        jsonb not null default '{}'
);
create index audit_entry_page on audit_entry (enterprise_id, at desc, id desc);

-- A stored reply per Idempotency-Key; status is null while the first request is in flight.
create table idempotency (
    enterprise_id uuid not null references enterprise,
    key           text not null,
    request_hash  bytea not null,
    status        integer,
    headers       jsonb,
    body          bytea,
    created_at    timestamptz not null,
    primary key (enterprise_id, key)
);
create index idempotency_age on idempotency (created_at);

-- Numbers that are never dialled, whatever task they are in.
create table suppression (
    id            uuid primary key,
    enterprise_id uuid not null references enterprise,
    phone         bigint not null,
    reason        text not null default '',
    source        text not null,             -- 'api', 'robot'
    created_at    timestamptz not null,
    expires_at    timestamptz,
    unique (enterprise_id, phone)
);

-- Every value that a concurrency limit ever had: what the journal is checked against.
create table limit_change (
    id            bigint generated always as identity primary key,
    enterprise_id uuid not null references enterprise,
    scope         text not null check (scope in ('enterprise', 'trunk', 'task')),
    scope_id      uuid not null,
    at            timestamptz not null,
    value         integer not null
);
create index limit_change_scope on limit_change (scope, scope_id, id);
