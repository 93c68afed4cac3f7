-- Who runs an installation says how many calls an enterprise may have up at a time, whatever its administrators set.
-- Null: as many as the platform allows.

alter table enterprise add column concurrency_max integer;
