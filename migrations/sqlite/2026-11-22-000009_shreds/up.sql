-- What was shredded, written in the transaction that shreds it: a secret's record id and never anything of its value.
-- From here each process copies it into the shred log beside its keyring, which outlives a database that is put back
-- from a backup. Kept for a week, so that every replica can take its copy.
--
-- No foreign key: a log may name organizations that a database does not have.
CREATE TABLE shreds (
    org_id      TEXT NOT NULL,
    record_id   TEXT NOT NULL,
    key_epoch   INTEGER NOT NULL,
    shredded_at TEXT NOT NULL,
    PRIMARY KEY (org_id, record_id)
) STRICT;
-- Not led by the organization: the log is the installation's, and no request reads this.
CREATE INDEX shreds_time ON shreds (shredded_at, record_id);
