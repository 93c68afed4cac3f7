-- What there is to know of an export's file, as variables that have no column of their own.
alter table export add column note text;
