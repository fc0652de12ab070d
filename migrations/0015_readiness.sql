-- What /readyz writes to, so that a database that is full, or only reads, is found out. Emptied before each
-- probe, so that it needs new room each time. Kept out of compression for the same reason.
CREATE TABLE readiness (filler bytea NOT NULL);
ALTER TABLE readiness ALTER COLUMN filler SET STORAGE EXTERNAL;
