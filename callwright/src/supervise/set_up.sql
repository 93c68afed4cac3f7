-- Run by the superuser at each start: the role of the program, which owns its database and may do no more.
\getenv password ROLE_PASSWORD
\getenv rights ROLE_RIGHTS

select 'create role callwright'
 where not exists (select from pg_roles where rolname = 'callwright') \gexec
alter role callwright login nosuperuser nocreaterole noreplication nobypassrls :rights password :'password';
select 'create database callwright owner callwright'
 where not exists (select from pg_database where datname = 'callwright') \gexec
