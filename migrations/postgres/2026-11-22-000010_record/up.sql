-- The record: what happened, written once, in the transaction of the change, and read twice: as audit and, where it is
-- announced, as event. So the outbox of before is a column.
ALTER TABLE audit_events ADD COLUMN announced boolean NOT NULL DEFAULT false;
UPDATE audit_events a SET announced = true WHERE EXISTS (
    SELECT 1 FROM outbox o
    WHERE o.org_id = a.org_id AND o.at = a.at AND o.type = a.action AND o.subject_id = a.subject_id
);
ALTER TABLE audit_events ALTER COLUMN announced DROP DEFAULT;
DROP TABLE outbox;
CREATE INDEX audit_events_entry ON audit_events (org_id, entry_id, id);

-- The seal of each record: its number within the organization and a hash over it and the seal before. The rows come with
-- the records, without number and hash; the sealer gives both to those that are older than every running transaction, so
-- that no number ever appears behind a reader's cursor. Numbers have no gaps.
CREATE TABLE audit_seals (
    org_id      uuid NOT NULL,
    record_id   uuid NOT NULL,
    announced   boolean NOT NULL,
    -- PostgreSQL: the transaction that wrote the record. SQLite has one writer, and 0.
    tx_id       bigint NOT NULL,
    -- By the clock of the database: records of one thing come in the order of its locks.
    recorded_at timestamptz NOT NULL,
    seq         bigint,
    hash        text COLLATE "C",
    PRIMARY KEY (org_id, record_id)
);
CREATE UNIQUE INDEX audit_seals_seq ON audit_seals (org_id, seq);
CREATE INDEX audit_seals_unsealed ON audit_seals (org_id, recorded_at, record_id) WHERE seq IS NULL;
CREATE INDEX audit_seals_announced ON audit_seals (org_id, seq) WHERE announced;
INSERT INTO audit_seals (org_id, record_id, announced, tx_id, recorded_at)
    SELECT org_id, id, announced, 0, at FROM audit_events;

-- Warnings that an entry is purged soon, so that each is given once. Moving the date makes a new one.
CREATE TABLE purge_warnings (
    org_id    uuid NOT NULL,
    entry_id  uuid NOT NULL,
    days      integer NOT NULL,
    purge_at  timestamptz NOT NULL,
    PRIMARY KEY (org_id, entry_id, days, purge_at),
    FOREIGN KEY (org_id, entry_id) REFERENCES trash_entries (org_id, id)
);

-- Append-only, also for whoever owns the tables: he would have to drop the triggers first. A role that only serves is not
-- granted these rights at all (docs/operations.md).
CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'audit records are never changed or removed'; END $$;
CREATE TRIGGER audit_events_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_events
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_seals_stay BEFORE DELETE OR TRUNCATE ON audit_seals
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_seals_once BEFORE UPDATE ON audit_seals
    FOR EACH ROW WHEN (OLD.seq IS NOT NULL OR OLD.org_id <> NEW.org_id OR OLD.record_id <> NEW.record_id)
    EXECUTE FUNCTION audit_is_append_only();
