-- Use after delete: who still calls for what is in the trash.

-- Whether an entry that was used within a day is not purged.
ALTER TABLE organizations ADD COLUMN hold_while_used INTEGER NOT NULL DEFAULT 0 CHECK (hold_while_used IN (0, 1));

-- One row for each entry and caller. No foreign key to the entry: checking it would lock the entry's row, which is written
-- to by nothing but what becomes of the entry.
CREATE TABLE trash_uses (
    org_id        TEXT NOT NULL REFERENCES organizations (id),
    entry_id      TEXT NOT NULL,
    actor_id      TEXT NOT NULL,
    actor_name    TEXT,
    key_id        TEXT,
    uses          INTEGER NOT NULL,
    first_used_at TEXT NOT NULL,
    last_used_at  TEXT NOT NULL,
    PRIMARY KEY (org_id, entry_id, actor_id)
) STRICT;
