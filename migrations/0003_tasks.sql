-- Tasks and what they are made from.

create table template (
    id            uuid primary key,
    enterprise_id uuid not null references enterprise,
    name          text not null,
    config        jsonb not null,            -- outbound::task::TaskConfig
    version       bigint not null default 1,
    created_at    timestamptz not null,
    unique (enterprise_id, name)
);

create table task (
    id                 uuid primary key,
    enterprise_id      uuid not null references enterprise,
    name               text not null,
    config             jsonb not null,       -- outbound::task::TaskConfig
    state              text not null check (state in ('initial', 'running', 'paused', 'ended')),
    pause_reason       text check (pause_reason in ('no_pending_numbers', 'do_not_call_period',
                           'outside_call_period', 'manual', 'trunk_failure')),
    order_revision     integer not null default 1,
    redial_policy_id   bigint,               -- the policy in force for calls triggered now
    scheduled_start_at timestamptz,          -- still to come; null when there is none or it is done
    scheduled_end_at   timestamptz,
    next_edge_at       timestamptz,          -- when a window next opens or closes
    next_seq           bigint not null default 1,
    number_count       bigint not null default 0,
    started_at         timestamptz,
    created_at         timestamptz not null,
    version            bigint not null default 1,
    edited_slot        bigint not null default 0,   -- attempts up to this slot were claimed before the last edit
    deleted_at         timestamptz,
    check ((state = 'paused') = (pause_reason is not null))
);
create unique index task_name on task (enterprise_id, name) where deleted_at is null;
create index task_running on task (enterprise_id) where state = 'running' and deleted_at is null;
create index task_edges on task (next_edge_at) where next_edge_at is not null and deleted_at is null;
create index task_starts on task (scheduled_start_at) where scheduled_start_at is not null and deleted_at is null;
create index task_ends on task (scheduled_end_at) where scheduled_end_at is not null and deleted_at is null;

-- Every change of state, with who or what made it.
create table task_event (
    id       bigint generated always as identity primary key,
    task_id  uuid not null references task,
    at       timestamptz not null,
    event    text not null,
    state    text not null,
    reason   text,
    actor    text not null
);
create index task_event_task on task_event (task_id, id);

-- The windows a task had from a moment on: what the journal is checked against.
create table task_plan (
    id       bigint generated always as identity primary key,
    task_id  uuid not null references task,
    at       timestamptz not null,
    hours    jsonb not null                  -- outbound::hours::Hours
);
create index task_plan_task on task_plan (task_id, id);

create table redial_policy (
    id         bigint generated always as identity primary key,
    task_id    uuid not null references task,
    policy     jsonb not null,               -- outbound::redial::RedialPolicy
    created_at timestamptz not null
);

create table batch (
    id            uuid primary key,
    enterprise_id uuid not null references enterprise,
    task_id       uuid not null references task,
    name          text not null,
    priority      integer not null default 0,
    started_at    timestamptz,               -- the first attempt of any of its numbers
    created_at    timestamptz not null
);
create index batch_task on batch (task_id, name);

create table import (
    id            uuid primary key,
    enterprise_id uuid not null references enterprise,
    task_id       uuid not null references task,
    status        text not null check (status in ('queued', 'running', 'done', 'failed', 'cancelled')),
    options       jsonb not null,            -- outbound::import::ImportOptions
    object_key    text not null,
    error_key     text,                      -- the CSV of refused rows
    total         bigint,
    done          bigint not null default 0,
    result        jsonb,                     -- outbound::import::ImportResult
    problem       jsonb,                     -- outbound::import::ImportProblem
    batch_id      uuid,
    token         bigint not null default 0,
    lease_until   timestamptz,               -- database clock
    cancel        boolean not null default false,
    actor         text not null,
    created_at    timestamptz not null,
    finished_at   timestamptz
);
create index import_task on import (task_id, id);
create index import_open on import (id) where status in ('queued', 'running');

create table export (
    id            uuid primary key,
    enterprise_id uuid not null references enterprise,
    task_id       uuid references task,
    status        text not null check (status in ('queued', 'running', 'done', 'failed', 'cancelled')),
    options       jsonb not null,            -- outbound::export::ExportOptions
    file_name     text not null,
    reveal        boolean not null,          -- numbers in full: who asked may see them
    object_key    text,
    bytes         bigint,
    total         bigint,
    done          bigint not null default 0,
    problem       jsonb,
    token         bigint not null default 0,
    lease_until   timestamptz,               -- database clock
    cancel        boolean not null default false,
    actor         text not null,
    created_at    timestamptz not null,
    finished_at   timestamptz,
    expires_at    timestamptz
);
create index export_page on export (enterprise_id, id);
create index export_open on export (id) where status in ('queued', 'running');
