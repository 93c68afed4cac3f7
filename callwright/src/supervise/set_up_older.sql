-- Run once by the program's role in a cluster of an older release, where it is the superuser: a superuser for set-ups.
\getenv password ROLE_PASSWORD
select 'create role postgres' where not exists (select from pg_roles where rolname = 'postgres') \gexec
alter role postgres superuser login password :'password';
