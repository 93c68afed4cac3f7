-- A breaker is closed or open; nothing ever set a third state.
alter table trunk drop constraint trunk_breaker_check, add constraint trunk_breaker_check
    check (breaker in ('closed', 'open'));
