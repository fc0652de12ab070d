-- Second factors (TOTP, RFC 6238). The secret is sealed under the person's key. Whether one is in force the
-- account's events say; `confirmed` says the same, and is written in the transaction of those events.
CREATE TABLE second_factors (
    user_id   uuid    PRIMARY KEY,
    secret    bytea   NOT NULL,
    confirmed boolean NOT NULL DEFAULT false,
    -- The last time step whose code was used: no code is good twice.
    last_step bigint  NOT NULL DEFAULT 0
);

-- Keyed hashes of the recovery codes that are left; a used one is deleted.
CREATE TABLE recovery_codes (
    user_id uuid  NOT NULL,
    hash    bytea NOT NULL,
    PRIMARY KEY (user_id, hash)
);

-- Sign-ins and failures, for the person's own eyes: 90 days, and the newest 100 of either kind. Their place
-- among the account's events is by time.
CREATE TABLE sign_ins (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id    uuid        NOT NULL,
    at         timestamptz NOT NULL DEFAULT now(),
    type       text        NOT NULL,
    failed     boolean     NOT NULL,
    session_id uuid,
    client     text,
    detail     text
);
CREATE INDEX sign_ins_user ON sign_ins (user_id, id);
CREATE INDEX sign_ins_age  ON sign_ins (at);
