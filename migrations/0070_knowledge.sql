-- Documents that robots answer from, and the passages by which they are found.

create table knowledge_base (
    id            uuid primary key,
    enterprise_id uuid not null references enterprise,
    name          text not null,
    config        jsonb not null,             -- outbound::knowledge::KnowledgeConfig
    version       bigint not null default 1,
    created_at    timestamptz not null,
    unique (enterprise_id, name)
);

create table knowledge_document (
    id            uuid primary key,
    enterprise_id uuid not null references enterprise,
    base_id       uuid not null references knowledge_base on delete cascade,
    name          text not null,
    format        text not null,              -- outbound::knowledge::DocumentFormat
    content       text not null,
    bytes         integer not null,
    passages      integer not null,
    created_at    timestamptz not null,
    unique (base_id, name)
);
-- All bytes of an enterprise are counted before one is added.
create index knowledge_document_bytes on knowledge_document (enterprise_id) include (bytes);

create table knowledge_passage (
    document_id   uuid not null references knowledge_document on delete cascade,
    number        integer not null,           -- counted from 0
    content       text not null,
    -- Its words, stemmed and as they are, and the id of its base as a word: so the index alone finds the passages of a
    -- base, and the words of one enterprise do not make another's questions slower.
    terms         tsvector not null,
    primary key (document_id, number)
);
create index knowledge_passage_terms on knowledge_passage using gin (terms);
