-- The role that an answer was made for: another role never gets its bytes. NULL where nobody was
-- signed in, and in rows that are older than this column.
ALTER TABLE idempotency_keys ADD COLUMN role text;
