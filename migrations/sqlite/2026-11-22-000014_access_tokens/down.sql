ALTER TABLE connect_sessions DROP COLUMN auth_expires_at;
ALTER TABLE connect_sessions DROP COLUMN auth_digest;
ALTER TABLE connect_sessions DROP COLUMN redirect_uri;
DROP TABLE access_tokens;
