DROP TRIGGER audit_events_stay ON audit_events;
DROP TABLE purge_warnings;
DROP TABLE audit_seals;
DROP FUNCTION audit_is_append_only();
DROP INDEX audit_events_entry;
CREATE TABLE outbox (
    org_id     uuid NOT NULL,
    id         uuid NOT NULL,
    at         timestamptz NOT NULL,
    type       text COLLATE "C" NOT NULL,
    subject_id uuid NOT NULL,
    payload    text COLLATE "C" NOT NULL,
    PRIMARY KEY (org_id, id)
);
INSERT INTO outbox (org_id, id, at, type, subject_id, payload)
    SELECT org_id, id, at, action, subject_id, detail FROM audit_events WHERE announced AND subject_id IS NOT NULL;
ALTER TABLE audit_events DROP COLUMN announced;
