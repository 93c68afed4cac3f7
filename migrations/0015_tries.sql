-- Background work that fails again and again ends as failed, whatever breaks it.
--
-- `tries` is raised when the work is taken, before anything is touched: a worker that dies of it can't
-- forget to count. A server that is away gives the try back. `trouble` says what went wrong last.

alter table import
    add column tries integer not null default 0,
    add column trouble text;

alter table export
    add column tries integer not null default 0,
    add column trouble text;
