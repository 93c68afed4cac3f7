-- Cells of an export's file that were cut, as a cell of a spreadsheet holds no more.
alter table export add column cells_cut bigint not null default 0 check (cells_cut >= 0);
