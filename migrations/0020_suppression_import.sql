-- A do-not-call list can be imported from a file: an import that is of no task.
--
-- Its rows are listed some hundreds at a time. `landed_line` is the line of the file up to which they are, so that
-- a worker that goes on after another's death lists the others, and counts none twice.

alter table import
    alter column task_id drop not null,
    add column landed_line bigint not null default 0;

create index import_suppressions on import (enterprise_id, id) where task_id is null;
