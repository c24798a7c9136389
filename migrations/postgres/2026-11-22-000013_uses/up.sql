-- Use after delete: who still calls for what is in the trash. The standing check for residue of deleted secrets.

-- Whether an entry that was used within a day is not purged.
ALTER TABLE organizations ADD COLUMN hold_while_used boolean NOT NULL DEFAULT false;

-- One row for each entry and caller. No foreign key to the entry: checking it would lock the entry's row, which is written
-- to by nothing but what becomes of the entry.
CREATE TABLE trash_uses (
    org_id        uuid NOT NULL REFERENCES organizations (id),
    entry_id      uuid NOT NULL,
    actor_id      text COLLATE "C" NOT NULL,
    actor_name    text COLLATE "C",
    key_id        uuid,
    uses          bigint NOT NULL,
    first_used_at timestamptz NOT NULL,
    last_used_at  timestamptz NOT NULL,
    PRIMARY KEY (org_id, entry_id, actor_id)
);

-- The standing check, one row: whose turn it is and whether they still work on it, when one ended last, and what the last
-- one that could tell has found, in bytes.
CREATE TABLE canary_checks (
    org_id     uuid NOT NULL PRIMARY KEY REFERENCES organizations (id),
    run_id     uuid,
    seen_at    timestamptz,
    ended_at   timestamptz,
    checked_at timestamptz,
    residue    bigint NOT NULL
);
