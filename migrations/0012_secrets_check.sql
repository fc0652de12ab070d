-- Which secrets file this database belongs to: a constant under a key that is derived from the file's master
-- key. The first start that makes or uses keys writes the one row; other keys are refused from then on.
CREATE TABLE secrets_check (
    only_row boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
    value    bytea       NOT NULL,
    made_at  timestamptz NOT NULL DEFAULT now()
);
