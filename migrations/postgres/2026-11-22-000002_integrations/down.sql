DROP TABLE shredded_secrets;
DROP TABLE trash_integrations;
ALTER TABLE integrations DROP COLUMN deletion_protection;
ALTER TABLE integrations DROP COLUMN generation;
