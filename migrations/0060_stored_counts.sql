-- How many rows an enterprise has in tables that may have millions of them. The limits of outbound::quota are held
-- against these, as counting millions of rows at each request would cost more than the request.
create table stored_count (
    enterprise_id uuid not null references enterprise,
    of_table      text not null,
    n             bigint not null,
    primary key (enterprise_id, of_table)
) with (fillfactor = 50);

insert into stored_count (enterprise_id, of_table, n)
select enterprise_id, 'suppression', count(*) from suppression group by enterprise_id
union all
select enterprise_id, 'idempotency', count(*) from idempotency group by enterprise_id;

-- In the order of enterprises, so that two statements that delete rows of several don't wait for each other.
create function count_stored() returns trigger language plpgsql as $$
begin
    insert into stored_count as c (enterprise_id, of_table, n)
    select enterprise_id, tg_table_name, case tg_op when 'INSERT' then count(*) else -count(*) end
      from changed group by enterprise_id order by enterprise_id
    on conflict (enterprise_id, of_table) do update set n = c.n + excluded.n;
    return null;
end $$;

create trigger suppression_added after insert on suppression
    referencing new table as changed for each statement execute function count_stored();
create trigger suppression_removed after delete on suppression
    referencing old table as changed for each statement execute function count_stored();
create trigger idempotency_added after insert on idempotency
    referencing new table as changed for each statement execute function count_stored();
create trigger idempotency_removed after delete on idempotency
    referencing old table as changed for each statement execute function count_stored();

-- What an enterprise has waiting and stored, which is counted when more is asked for.
create index import_of_enterprise on import (enterprise_id) where not files_gone;
create index import_waiting on import (enterprise_id) where status in ('queued', 'running');
create index export_of_enterprise on export (enterprise_id) where not files_gone;
create index export_waiting on export (enterprise_id) where status in ('queued', 'running');
