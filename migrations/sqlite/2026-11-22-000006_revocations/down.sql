DROP TABLE revocations;
ALTER TABLE trash_integrations DROP COLUMN revoke_on_delete;
ALTER TABLE integrations DROP COLUMN revoke_on_delete;
