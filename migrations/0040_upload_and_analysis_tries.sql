-- An upload or an analysis that fails again and again ends as failed, as imports and exports do.
--
-- `tries` is raised before the work is touched. `trouble` says what went wrong last.

alter table recording
    add column tries integer not null default 0,
    add column trouble text;

alter table conversation
    add column tries integer not null default 0,
    add column trouble text;
