-- A ZIP of recordings that takes hours goes on where its worker died.
--
-- `checkpoint` names the object that says how far it is.

alter table export add column checkpoint text;
