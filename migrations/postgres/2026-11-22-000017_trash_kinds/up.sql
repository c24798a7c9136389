-- The tabs of the trash: how many entries of a kind there are, and a page of them where there are few.
CREATE INDEX trash_entries_kind ON trash_entries (org_id, state, root_kind, purge_at, id);
