-- The state of long streams every hundred events, so that loading one does not read all of it. Copies of
-- what the log says: rows may be deleted at any time. What states say about people is sealed under their keys.
CREATE TABLE snapshots (
    aggregate_type text        NOT NULL,
    aggregate_id   text        NOT NULL,
    -- Of the aggregate's state and the row; others are passed over.
    format         integer     NOT NULL,
    sequence       bigint      NOT NULL,
    position       bigint      NOT NULL,
    recorded_at    timestamptz NOT NULL,
    -- The aggregate, without what it says about people.
    state          json        NOT NULL,
    -- The read model's row, where it says nothing about people.
    read_model     json,
    -- Both, with what they say about a person, under that person's key.
    sealed         bytea,
    PRIMARY KEY (aggregate_type, aggregate_id, format, sequence)
);
