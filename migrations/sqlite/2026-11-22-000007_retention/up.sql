-- Retention: what keeps entries from being purged, what the purge remembers, and the alarms.

-- The brake on mass deletion: more than so many connections and more than such a part of all within an hour.
ALTER TABLE organizations ADD COLUMN brake_deletions INTEGER NOT NULL DEFAULT 20;
ALTER TABLE organizations ADD COLUMN brake_percent INTEGER NOT NULL DEFAULT 50;
ALTER TABLE organizations ADD COLUMN brake_refuses INTEGER NOT NULL DEFAULT 0 CHECK (brake_refuses IN (0, 1));
-- The pause switch of the purge.
ALTER TABLE organizations ADD COLUMN purge_paused_at TEXT;
ALTER TABLE organizations ADD COLUMN purge_paused_by TEXT;
ALTER TABLE organizations ADD COLUMN purge_pause_reason TEXT;

-- What was purged within the last hour.
CREATE INDEX trash_entries_closed ON trash_entries (org_id, closed_at);

-- An entry that could not be purged, until it could.
CREATE TABLE purge_failures (
    org_id     TEXT NOT NULL,
    entry_id   TEXT NOT NULL,
    code       TEXT NOT NULL,
    attempts   INTEGER NOT NULL,
    failed_at  TEXT NOT NULL,
    retry_at   TEXT NOT NULL,
    PRIMARY KEY (org_id, entry_id),
    FOREIGN KEY (org_id, entry_id) REFERENCES trash_entries (org_id, id)
) STRICT;

-- While a brake is not released, the purge clock of what was deleted since `covers_from` stands still.
CREATE TABLE brakes (
    org_id        TEXT NOT NULL REFERENCES organizations (id),
    id            TEXT NOT NULL,
    started_at    TEXT NOT NULL,
    covers_from   TEXT NOT NULL,
    connections   INTEGER NOT NULL,
    of_connections INTEGER NOT NULL,
    released_at   TEXT,
    released_by   TEXT,
    PRIMARY KEY (org_id, id)
) STRICT;
CREATE UNIQUE INDEX brakes_open ON brakes (org_id) WHERE released_at IS NULL;

-- The organization of an alarm of the service itself is 00000000-0000-0000-0000-000000000000.
CREATE TABLE alarms (
    org_id               TEXT NOT NULL,
    id                   TEXT NOT NULL,
    code                 TEXT NOT NULL,
    subject              TEXT NOT NULL,
    detail               TEXT NOT NULL,
    raised_at            TEXT NOT NULL,
    last_seen_at         TEXT NOT NULL,
    acknowledged_at      TEXT,
    acknowledged_by      TEXT,
    acknowledged_by_name TEXT,
    resolved_at          TEXT,
    PRIMARY KEY (org_id, id)
) STRICT;
CREATE UNIQUE INDEX alarms_open ON alarms (org_id, code, subject) WHERE resolved_at IS NULL;

-- One row for each time a machine was started: what the database's clock and the machine's own said at the last tick
-- at which they agreed.
CREATE TABLE scheduler_ticks (
    boot_id    TEXT NOT NULL PRIMARY KEY,
    ticked_at  TEXT NOT NULL,
    uptime     INTEGER NOT NULL
) STRICT;
