DROP TABLE canary_checks;
DROP TABLE trash_uses;
ALTER TABLE organizations DROP COLUMN hold_while_used;
