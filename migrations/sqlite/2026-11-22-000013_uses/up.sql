-- Use after delete: who still calls for what is in the trash. The standing check for residue of deleted secrets.

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

-- The standing check, one row: whose turn it is and whether they still work on it, when one ended last, and what the last
-- one that could tell has found, in bytes.
CREATE TABLE canary_checks (
    org_id     TEXT NOT NULL PRIMARY KEY REFERENCES organizations (id),
    run_id     TEXT,
    seen_at    TEXT,
    ended_at   TEXT,
    checked_at TEXT,
    residue    INTEGER NOT NULL
) STRICT;
