-- Restores from a backup that somebody noted: calls of the journal that lie between are no fault.

create table restored (
    id          bigint generated always as identity primary key,
    known_until timestamptz,                 -- the newest call that the backup knew; null: it knew none
    restored_at timestamptz not null,
    noted_at    timestamptz not null
);

-- Retention deletes what lies below the prefix of an export and of an import once, and marks it here.
alter table export add column files_gone boolean not null default false;
create index export_files on export (id) where not files_gone;
alter table import add column files_gone boolean not null default false;
create index import_files on import (id) where not files_gone;
