-- The people whom calls are transferred to, and the calls that were placed to reach them.

create table human_agent (
    enterprise_id   uuid not null references enterprise,
    id              uuid not null,
    employee_number text not null,
    config          jsonb not null,          -- outbound::human_agent::HumanAgentConfig
    phone           bigint not null,         -- E.164 digits
    on_duty         boolean not null,
    skills          text[] not null,
    idle_since      timestamptz not null,    -- since when the person has had no call, in business time
    version         bigint not null default 1,
    created_at      timestamptz not null,
    primary key (enterprise_id, id),
    unique (enterprise_id, employee_number)
);
create index human_agent_on_duty on human_agent (enterprise_id, idle_since) where on_duty;

-- One call to a person for a customer who is to be transferred. It takes a slot of its trunk while it is open and the
-- attempt of the customer's call is live.
create table transfer_leg (
    enterprise_id  uuid not null references enterprise,
    id             uuid not null,            -- its name in the journal
    attempt_id     uuid not null,
    trunk_id       uuid not null,
    human_agent_id uuid,                     -- null: a fixed number
    phone          bigint not null,
    started_at     timestamptz not null,
    answered_at    timestamptz,
    ended_at       timestamptz,              -- null: open
    lost           boolean not null default false,  -- ended without its worker
    primary key (enterprise_id, id)
);
create index transfer_leg_open on transfer_leg (enterprise_id, trunk_id) where ended_at is null;
create index transfer_leg_attempt on transfer_leg (enterprise_id, attempt_id);
-- Retention deletes what is old.
create index transfer_leg_started on transfer_leg (enterprise_id, started_at);

alter table call_record
    add column agent_id    text not null default '',
    add column agent_name  text not null default '',
    add column agent_phone bigint,
    add column callback_at timestamptz;
