DROP INDEX trash_entries_kind;
