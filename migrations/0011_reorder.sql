-- A change of the call order before a task's first start holds for the numbers that are there, too: they
-- move to the lanes of this revision, and the task is not dialled for until the last one has.
alter table task add column reorder_to integer;
create index task_reorder on task (id) where reorder_to is not null;
