-- What a request with an Idempotency-Key makes has an id that is the key's, however often it is sent: one
-- whose answer was lost after its commit finds what it made.

alter table idempotency
    -- The id of what the request makes.
    add column seed uuid not null default gen_random_uuid(),
    -- It failed through no fault of its own, and may be sent again.
    add column released boolean not null default false;
