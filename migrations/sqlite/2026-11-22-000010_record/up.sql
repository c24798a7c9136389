-- The record: what happened, written once, in the transaction of the change, and read twice: as audit and, where it is
-- announced, as event. So the outbox of before is a column.
CREATE TABLE audit_events_new (
    org_id       TEXT NOT NULL,
    id           TEXT NOT NULL,
    at           TEXT NOT NULL,
    actor_id     TEXT NOT NULL,
    actor_name   TEXT,
    key_id       TEXT,
    address      TEXT,
    request_id   TEXT,
    action       TEXT NOT NULL,
    outcome      TEXT NOT NULL,
    subject_kind TEXT NOT NULL,
    subject_id   TEXT,
    entry_id     TEXT,
    detail       TEXT NOT NULL,
    announced    INTEGER NOT NULL CHECK (announced IN (0, 1)),
    PRIMARY KEY (org_id, id)
) STRICT;
INSERT INTO audit_events_new
    SELECT a.*, EXISTS (
        SELECT 1 FROM outbox o
        WHERE o.org_id = a.org_id AND o.at = a.at AND o.type = a.action AND o.subject_id = a.subject_id
    ) FROM audit_events a;
DROP TABLE audit_events;
ALTER TABLE audit_events_new RENAME TO audit_events;
CREATE INDEX audit_events_subject ON audit_events (org_id, subject_id, id);
CREATE INDEX audit_events_entry ON audit_events (org_id, entry_id, id);
DROP TABLE outbox;

-- The seal of each record: its number within the organization and a hash over it and the seal before. The rows come with
-- the records, without number and hash; both are given before the commit, or by the sealer to what was written otherwise.
-- Numbers have no gaps.
CREATE TABLE audit_seals (
    org_id      TEXT NOT NULL,
    record_id   TEXT NOT NULL,
    announced   INTEGER NOT NULL CHECK (announced IN (0, 1)),
    -- PostgreSQL: the transaction that wrote the record. SQLite has one writer, and 0.
    tx_id       INTEGER NOT NULL,
    -- By the clock of the database: records of one thing come in the order of its locks.
    recorded_at TEXT NOT NULL,
    seq         INTEGER,
    hash        TEXT,
    PRIMARY KEY (org_id, record_id)
) STRICT;
CREATE UNIQUE INDEX audit_seals_seq ON audit_seals (org_id, seq);
CREATE INDEX audit_seals_unsealed ON audit_seals (org_id, recorded_at, record_id) WHERE seq IS NULL;
CREATE INDEX audit_seals_announced ON audit_seals (org_id, seq) WHERE announced;
INSERT INTO audit_seals (org_id, record_id, announced, tx_id, recorded_at)
    SELECT org_id, id, announced, 0, at FROM audit_events;

-- Warnings that an entry is purged soon, so that each is given once. Moving the date makes a new one.
CREATE TABLE purge_warnings (
    org_id    TEXT NOT NULL,
    entry_id  TEXT NOT NULL,
    days      INTEGER NOT NULL,
    purge_at  TEXT NOT NULL,
    PRIMARY KEY (org_id, entry_id, days, purge_at),
    FOREIGN KEY (org_id, entry_id) REFERENCES trash_entries (org_id, id)
) STRICT;

-- Append-only, for whatever comes through SQL.
CREATE TRIGGER audit_events_unchanged BEFORE UPDATE ON audit_events
    BEGIN SELECT RAISE(ABORT, 'audit records are never changed or removed'); END;
CREATE TRIGGER audit_events_stay BEFORE DELETE ON audit_events
    BEGIN SELECT RAISE(ABORT, 'audit records are never changed or removed'); END;
CREATE TRIGGER audit_seals_stay BEFORE DELETE ON audit_seals
    BEGIN SELECT RAISE(ABORT, 'audit records are never changed or removed'); END;
CREATE TRIGGER audit_seals_once BEFORE UPDATE ON audit_seals
    WHEN OLD.seq IS NOT NULL OR OLD.org_id <> NEW.org_id OR OLD.record_id <> NEW.record_id
    BEGIN SELECT RAISE(ABORT, 'audit records are never changed or removed'); END;
