DROP TABLE key_replicas;
DROP INDEX secrets_epoch;
ALTER TABLE key_epochs DROP COLUMN retired_at;
ALTER TABLE key_epochs DROP COLUMN primary_since;
