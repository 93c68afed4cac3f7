-- Restores from a backup that somebody noted: calls of the journal that lie between are no fault.

create table restored (
    id          bigint generated always as identity primary key,
    known_until timestamptz,                 -- the newest call that the backup knew; null: it knew none
    restored_at timestamptz not null,
    noted_at    timestamptz not null
);
