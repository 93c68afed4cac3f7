-- What else the journal is checked against: calls per second as they were, and steps as they were taken.

alter table limit_change
    add column what text not null default 'concurrency'
        check (what in ('concurrency', 'calls_per_second')),
    alter column value drop not null;          -- null: no limit

-- Every timed step that was taken. A step that is taken twice stands here twice.
create table task_step (
    id       bigint generated always as identity primary key,
    task_id  uuid not null references task,
    step     text not null check (step in ('start', 'end', 'edge')),
    due_at   timestamptz not null,
    taken_at timestamptz not null
);
create index task_step_task on task_step (task_id, id);
