DROP TRIGGER audit_events_unchanged;
DROP TRIGGER audit_events_stay;
DROP TABLE purge_warnings;
DROP TABLE audit_seals;
CREATE TABLE outbox (
    org_id     TEXT NOT NULL,
    id         TEXT NOT NULL,
    at         TEXT NOT NULL,
    type       TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    payload    TEXT NOT NULL,
    PRIMARY KEY (org_id, id)
) STRICT;
INSERT INTO outbox (org_id, id, at, type, subject_id, payload)
    SELECT org_id, id, at, action, subject_id, detail FROM audit_events WHERE announced AND subject_id IS NOT NULL;
DROP INDEX audit_events_entry;
ALTER TABLE audit_events DROP COLUMN announced;
