-- The queue side of a task: who is next, who waits, who is on the line.

create table number (
    id               uuid primary key,
    enterprise_id    uuid not null,
    -- No foreign keys on the tables of this file that change with every call: a check per row costs
    -- more than the row, and would hold the task's row against a pause while a large import lands.
    task_id          uuid not null,
    batch_id         uuid not null,
    seq              bigint not null,        -- import order, unique in the task
    phone            bigint not null,        -- E.164 digits
    backups          bigint[] not null default '{}',
    priority         integer not null default 0,
    caller_id        uuid,
    variables        jsonb not null default '{}',
    province         text not null default '',
    city             text not null default '',
    ord              bigint not null,        -- rank in a lane while priorities count
    plain_ord        bigint not null,        -- rank in a lane while they do not
    order_revision   integer not null,       -- the call order it was imported with
    state            text not null check (state in ('pending', 'waiting', 'calling', 'connected',
                         'unconnected', 'suppressed', 'cancelled')),
    round            smallint not null default 0,   -- the round it is in, or waits for
    chain_index      smallint not null default 0,   -- 0 the phone number, k its k-th backup
    chain_statuses   text[] not null default '{}',  -- the last status of each phone of the chain
    refusals         smallint not null default 0,   -- times in a row that the line itself refused
    attempts         integer not null default 0,
    last_status      text,
    first_called_at  timestamptz,
    round_called_at  timestamptz,            -- first attempt of the round
    last_called_at   timestamptz,
    policy_id        bigint                  -- the redial policy that decided its last redial
) with (fillfactor = 60);
create unique index number_seq on number (task_id, seq);
create index number_phone on number (task_id, phone);
create index number_batch on number (batch_id, seq);
create index number_enterprise_phone on number (enterprise_id, phone);
create index number_caller_id on number (caller_id) where caller_id is not null;

-- A queue with one order. Which lane goes first is decided in memory from these few rows.
create table lane (
    id             bigint generated always as identity primary key,
    task_id        uuid not null references task,
    batch_id       uuid references batch,    -- null: a random-mode or backup lane of the task
    class          text not null check (class in ('backup', 'redial', 'uncalled')),
    round          smallint not null default 0,
    order_revision integer not null,
    call_order     jsonb not null,           -- outbound::order::CallOrder at that revision
    entered        bigint not null default 0, -- counts entries, so that a claimer's cursor can be trusted
    unique nulls not distinct (task_id, batch_id, class, round, order_revision)
) with (fillfactor = 70);

-- Numbers that may be dialled now.
create table ready (
    lane_id   bigint not null,
    ord       bigint not null,
    plain_ord bigint not null,
    number_id uuid not null,
    task_id   uuid not null,
    primary key (lane_id, ord, number_id)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
create index ready_plain on ready (lane_id, plain_ord, number_id);
create index ready_number on ready (number_id);

-- Numbers that may be dialled later.
create table waiting (
    number_id     uuid primary key,
    enterprise_id uuid not null,
    task_id       uuid not null,
    lane_id       bigint not null,
    ord           bigint not null,
    plain_ord     bigint not null,
    due_at        timestamptz not null,
    put_off       boolean not null default false,   -- due before, but its window was closed
    reason        text not null check (reason in ('redial', 'phone_busy', 'frequency_cap',
                      'callee_window', 'trunk_refused')),
    phone         bigint not null
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
create index waiting_due on waiting (task_id, due_at, number_id);
create index waiting_phone on waiting (enterprise_id, phone) where reason = 'phone_busy';

-- Live attempts: each one is a slot in its enterprise, its trunk and its task.
create table attempt (
    id                 uuid primary key,
    slot               bigint generated always as identity,  -- rises with every claim of an enterprise
    enterprise_id      uuid not null,
    task_id            uuid not null,
    batch_id           uuid not null,
    number_id          uuid not null,
    lane_id            bigint not null,       -- where its number came from, and goes back to
    trunk_id           uuid not null,
    caller_id          uuid not null,
    phone              bigint not null,
    round              smallint not null,
    chain_index        smallint not null,
    policy_id          bigint not null,
    navigation_id      uuid not null,
    navigation_version integer not null,
    token              bigint not null default 1,
    phase              text not null default 'claimed' check (phase in ('claimed', 'begun')),
    worker             text,
    probe              boolean not null default false,  -- lets one call through an open breaker
    claimed_at         timestamptz not null,
    pushed_at          timestamptz not null,  -- database clock: when its job was last pushed
    begun_at           timestamptz,           -- database clock
    started_at         timestamptz,           -- the begin, in business time
    lease_until        timestamptz not null,  -- database clock
    unique (enterprise_id, phone)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
create index attempt_task on attempt (task_id);
-- Live calls are counted from the oldest one on, past the dead rows of those before it.
create index attempt_slot on attempt (enterprise_id, slot);

-- Whose turn it is among a task's caller IDs. Only claims write it.
create table task_rotation (
    task_id uuid primary key,
    calls   bigint not null
) with (fillfactor = 50);

-- Calls per second. Not in the trunk's and the task's own rows: claims hold those for share, and a turn
-- would wait for a claim, and a claim for a turn.
create table pace (
    scope_id       uuid primary key,         -- a trunk or a task
    next_invite_at timestamptz not null      -- the earliest next INVITE
) with (fillfactor = 50);

-- Counters, kept in the transactions that change what they count.
create table number_count (
    batch_id uuid not null,
    task_id  uuid not null,
    state    text not null,
    n        bigint not null,
    primary key (batch_id, state)
) with (fillfactor = 50);
create index number_count_task on number_count (task_id);

create table call_count (
    task_id  uuid not null,
    batch_id uuid not null,
    hour     timestamptz not null,
    result   text not null,
    calls    bigint not null,
    talk_ms  bigint not null,
    primary key (task_id, batch_id, hour, result)
) with (fillfactor = 50);
