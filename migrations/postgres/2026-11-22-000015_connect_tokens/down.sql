DROP TABLE connect_tokens;
