-- The rules of the marketplace, which an ADMIN writes. Few, and read far more often than written. Nothing is folded
-- yet, so nothing has to be made again at start.
CREATE TABLE policies (
    id               uuid        PRIMARY KEY,
    code             text        NOT NULL,
    title            text        NOT NULL,
    text             text        NOT NULL,
    severity         text        NOT NULL,
    parent           uuid,
    dsa_category     text,
    templates        jsonb       NOT NULL,
    retired          boolean     NOT NULL,
    version          bigint      NOT NULL,
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    created_position bigint      NOT NULL
);
CREATE UNIQUE INDEX policies_newest ON policies (created_position);
CREATE INDEX policies_retired_newest ON policies (retired, created_position);
INSERT INTO read_models (name, version) VALUES ('policies', 1);

-- Policies that a decision or another policy has named: these can't be deleted, and one that another has stood below
-- can't be put below a third, or what stands below it would come to stand too deep. Written in the append's own
-- transaction, as reservations are: a decision adds at most a row per policy, and changes none, so that decisions
-- that name the same policy don't wait for one another.
CREATE TABLE policy_uses (
    policy_id uuid    PRIMARY KEY,
    as_parent boolean NOT NULL DEFAULT false
);
