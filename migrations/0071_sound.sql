-- Sound files that navigations play, by their names. The audio is an object.

create table sound (
    id            uuid primary key,
    enterprise_id uuid not null references enterprise,
    name          text not null,
    object_key    text not null,
    duration_ms   integer not null,
    bytes         bigint not null,            -- of the object
    created_at    timestamptz not null,
    unique (enterprise_id, name)
);
