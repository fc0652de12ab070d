-- The log: postgres-es's table, with a place in the whole log besides the one in the stream.
-- payload and metadata are json, never jsonb: the audit log commits to their very bytes.
CREATE TABLE events (
    aggregate_type text        NOT NULL,
    aggregate_id   text        NOT NULL,
    sequence       bigint      NOT NULL CHECK (sequence >= 1),
    event_type     text        NOT NULL,
    event_version  text        NOT NULL,
    payload        json        NOT NULL,
    metadata       json        NOT NULL,
    position       bigint      NOT NULL CHECK (position >= 1),
    event_id       uuid        NOT NULL,
    recorded_at    timestamptz NOT NULL,
    salt           bytea       NOT NULL,
    PRIMARY KEY (aggregate_type, aggregate_id, sequence)
);
CREATE UNIQUE INDEX events_position ON events (position);

-- One row. Its lock, held until the commit, makes positions contiguous and in commit order,
-- and times never go back.
CREATE TABLE log_head (
    singleton   boolean     PRIMARY KEY DEFAULT true CHECK (singleton),
    position    bigint      NOT NULL,
    recorded_at timestamptz NOT NULL
);
INSERT INTO log_head (position, recorded_at) VALUES (0, '-infinity');

-- Names that may be held once: claimed and released in the append's own transaction.
CREATE TABLE reservations (
    kind  text NOT NULL,
    name  text NOT NULL,
    owner uuid NOT NULL,
    PRIMARY KEY (kind, name)
);

-- Password hashes (PHC strings). Not in the log: what is there can never be taken back.
CREATE TABLE credentials (
    user_id    uuid        PRIMARY KEY,
    hash       text        NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
);

-- What a POST with an Idempotency-Key led to. `outcome` is written with the events, the answer
-- after them: whatever happens in between, the act is done once.
CREATE TABLE idempotency_keys (
    scope        uuid        NOT NULL,
    key          text        NOT NULL,
    fingerprint  bytea,
    outcome      jsonb,
    status       smallint,
    headers      jsonb,
    body         bytea,
    locked_until timestamptz NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (scope, key)
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);

-- Sessions, from login to logout; refresh tokens rotate within one.
CREATE TABLE sessions (
    id           uuid        PRIMARY KEY,
    user_id      uuid        NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    ended_at     timestamptz
);
CREATE INDEX sessions_user ON sessions (user_id) WHERE ended_at IS NULL;

CREATE TABLE refresh_tokens (
    hash       bytea       PRIMARY KEY,
    session_id uuid        NOT NULL REFERENCES sessions ON DELETE CASCADE,
    issued_at  timestamptz NOT NULL DEFAULT now(),
    used_at    timestamptz
);
CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id);

-- Failed sign-ins, counted per account and per address within a window.
CREATE TABLE attempts (
    subject    text        NOT NULL,
    window_end timestamptz NOT NULL,
    failures   integer     NOT NULL,
    PRIMARY KEY (subject)
);
CREATE INDEX events_recorded_at ON events USING brin (recorded_at);

-- Each person's key, wrapped by a master key of SECRETS_FILE. Erasing a person empties `wrapped`;
-- the row stays, so that no key is made for them again.
CREATE TABLE person_keys (
    user_id      uuid        PRIMARY KEY,
    version      integer     NOT NULL,
    wrapping_key text        NOT NULL,
    wrapped      bytea,
    erased_at    timestamptz
);
CREATE INDEX person_keys_wrapping ON person_keys (wrapping_key) WHERE wrapped IS NOT NULL;
