-- Retention: what keeps entries from being purged, what the purge remembers, and the alarms.

-- The brake on mass deletion: more than so many connections and more than such a part of all within an hour.
ALTER TABLE organizations ADD COLUMN brake_deletions integer NOT NULL DEFAULT 20;
ALTER TABLE organizations ADD COLUMN brake_percent integer NOT NULL DEFAULT 50;
ALTER TABLE organizations ADD COLUMN brake_refuses boolean NOT NULL DEFAULT false;
-- The pause switch of the purge.
ALTER TABLE organizations ADD COLUMN purge_paused_at timestamptz;
ALTER TABLE organizations ADD COLUMN purge_paused_by text COLLATE "C";
ALTER TABLE organizations ADD COLUMN purge_pause_reason text COLLATE "C";

-- What was purged within the last hour.
CREATE INDEX trash_entries_closed ON trash_entries (org_id, closed_at);

-- An entry that could not be purged, until it could.
CREATE TABLE purge_failures (
    org_id     uuid NOT NULL,
    entry_id   uuid NOT NULL,
    code       text COLLATE "C" NOT NULL,
    attempts   bigint NOT NULL,
    failed_at  timestamptz NOT NULL,
    retry_at   timestamptz NOT NULL,
    PRIMARY KEY (org_id, entry_id),
    FOREIGN KEY (org_id, entry_id) REFERENCES trash_entries (org_id, id)
);

-- While a brake is not released, the purge clock of what was deleted since `covers_from` stands still.
CREATE TABLE brakes (
    org_id        uuid NOT NULL REFERENCES organizations (id),
    id            uuid NOT NULL,
    started_at    timestamptz NOT NULL,
    covers_from   timestamptz NOT NULL,
    connections   bigint NOT NULL,
    of_connections bigint NOT NULL,
    released_at   timestamptz,
    released_by   text COLLATE "C",
    PRIMARY KEY (org_id, id)
);
CREATE UNIQUE INDEX brakes_open ON brakes (org_id) WHERE released_at IS NULL;

-- The organization of an alarm of the service itself is 00000000-0000-0000-0000-000000000000.
CREATE TABLE alarms (
    org_id               uuid NOT NULL,
    id                   uuid NOT NULL,
    code                 text COLLATE "C" NOT NULL,
    subject              text COLLATE "C" NOT NULL,
    detail               text COLLATE "C" NOT NULL,
    raised_at            timestamptz NOT NULL,
    last_seen_at         timestamptz NOT NULL,
    acknowledged_at      timestamptz,
    acknowledged_by      text COLLATE "C",
    acknowledged_by_name text COLLATE "C",
    resolved_at          timestamptz,
    PRIMARY KEY (org_id, id)
);
CREATE UNIQUE INDEX alarms_open ON alarms (org_id, code, subject) WHERE resolved_at IS NULL;

-- One row for each time a machine was started: what the database's clock and the machine's own said at the last tick
-- at which they agreed.
CREATE TABLE scheduler_ticks (
    boot_id    text COLLATE "C" PRIMARY KEY,
    ticked_at  timestamptz NOT NULL,
    uptime     bigint NOT NULL
);
