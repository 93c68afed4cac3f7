-- Run by the superuser at each start: the role of the program, which owns its database and may do no more.
\getenv password ROLE_PASSWORD
\getenv rights ROLE_RIGHTS

-- In clusters of older releases the program's role was the superuser that made them. It gives up its name.
select 'alter role callwright rename to callwright_before' from pg_roles
 where rolname = 'callwright' and oid = 10 \gexec
select 'alter role callwright_before nologin' from pg_roles where rolname = 'callwright_before' \gexec

select 'create role callwright'
 where not exists (select from pg_roles where rolname = 'callwright') \gexec
alter role callwright login nosuperuser nocreaterole noreplication nobypassrls :rights password :'password';
select 'create database callwright owner callwright'
 where not exists (select from pg_database where datname = 'callwright') \gexec
alter database callwright owner to callwright;

-- What such a superuser had made in the database goes to the new role. Elsewhere there is nothing to do.
\connect callwright
select format('alter table %s owner to callwright', c.oid::regclass) from pg_class c
 where c.relnamespace = 'public'::regnamespace and c.relowner = 10 and c.relkind in ('r', 'p', 'v', 'm', 'S')
   -- The sequence of a column goes with its table.
   and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid
                    and c.relkind = 'S' and d.deptype in ('a', 'i')) \gexec
select format('alter routine %s owner to callwright', oid::regprocedure) from pg_proc
 where pronamespace = 'public'::regnamespace and proowner = 10 \gexec
select format('alter type %s owner to callwright', oid::regtype) from pg_type
 where typnamespace = 'public'::regnamespace and typowner = 10 and typtype in ('e', 'd', 'r') \gexec
