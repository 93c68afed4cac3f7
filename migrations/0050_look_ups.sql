-- Whoever sees numbers masked may ask for a number that they know, but not so often that they find one out.
--
-- `at` holds the look-ups of the last hour, by the database's clock: a business clock that jumps must not give
-- anybody more of them.

create table look_up (
    enterprise_id uuid primary key references enterprise,
    at            timestamptz[] not null
);
