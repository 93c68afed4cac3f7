-- Services that robots hear, think and speak with, and systems of the enterprise that they ask.

create table provider (
    enterprise_id uuid not null references enterprise,
    id            uuid not null,
    name          text not null,            -- robots and nodes name it
    config        jsonb not null,           -- outbound::provider::ProviderConfig, with a mask in place of the key
    sealed_key    bytea,                    -- sealed with the installation's key; null: it has none
    version       bigint not null default 1,
    created_at    timestamptz not null,
    primary key (enterprise_id, id),
    unique (enterprise_id, name)
);
