-- What the platform knows of every attempt, answered or not.
-- Column names are the field names of the API and of exports.

create table call_record (
    id                       uuid not null,   -- the attempt
    enterprise_id            uuid not null,
    task_id                  uuid not null,
    batch_id                 uuid not null,
    number_id                uuid not null,
    trunk_id                 uuid not null,
    round                    smallint not null,
    chain_index              smallint not null,
    policy_id                bigint not null,
    customer_number          bigint not null,
    customer_number_province text not null default '',
    customer_number_city     text not null default '',
    outbound_number          bigint not null,
    outbound_number_province text not null default '',
    outbound_number_city     text not null default '',
    trunk_name               text not null,
    batch_name               text not null,
    task_name                text not null,
    call_id                  text not null default '',
    result                   text not null,
    called_status            text,
    cause                    text not null default '',
    sip_code                 smallint,
    q850_cause               smallint,
    hangup_party             text,
    started_at               timestamptz not null,
    ringing_at               timestamptz,
    answered_at              timestamptz,
    ended_at                 timestamptz not null,
    robot_entered_at         timestamptz,
    robot_ended_at           timestamptz,
    robot_name               text not null default '',
    robot_answer_result      text,
    turns                    integer not null default 0,
    interruptions            integer not null default 0,
    transferred              boolean not null default false,
    intent_tags              text[] not null default '{}',
    opening_hangup_seconds   real,
    process_hangup_point     text not null default '',
    captures                 jsonb not null default '{}',
    variables                jsonb not null default '{}',
    recording_state          text,
    primary key (started_at, id)
) partition by range (started_at);
create index call_record_id on call_record (id);
create index call_record_task on call_record (task_id, started_at desc, id desc);
create index call_record_result on call_record (task_id, result, started_at desc, id desc);
create index call_record_enterprise on call_record (enterprise_id, started_at desc, id desc);
create index call_record_phone on call_record (enterprise_id, customer_number, started_at desc);
create index call_record_number on call_record (number_id, started_at);
create table call_record_default partition of call_record default;

create table conversation (
    id                 uuid not null,        -- the attempt
    started_at         timestamptz not null,
    navigation_id      uuid not null,        -- what the call ran, for the analysis after it
    navigation_version integer not null,
    transcript         jsonb not null,       -- [dialog::transcript::Line]
    log                jsonb not null,       -- [dialog::transcript::Entry]
    analyzed           boolean not null default false,
    primary key (started_at, id)
) partition by range (started_at);
create index conversation_id on conversation (id);
create index conversation_unanalyzed on conversation (started_at, id) where not analyzed;
create table conversation_default partition of conversation default;

create table recording (
    attempt_id    uuid primary key,
    enterprise_id uuid not null,
    task_id       uuid not null,
    started_at    timestamptz not null,
    state         text not null check (state in ('pending', 'ready', 'failed')),
    spool         text not null,             -- the spool folder (by its id) that holds the file until it is safe
    object_key    text not null,
    bytes         bigint,
    duration_ms   bigint not null
);
create index recording_task on recording (task_id, attempt_id);
create index recording_pending on recording (attempt_id) where state = 'pending';
