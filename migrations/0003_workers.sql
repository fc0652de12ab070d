-- What the workers remember. All of it is about the log and none of it in the log: losing a row
-- costs a second try, never a lost one.

-- How far each reader of the log has come. For the relay: what it had published by then, and to
-- which stream, so that a stream that was lost or went back is recognised.
CREATE TABLE checkpoints (
    subscriber      text        PRIMARY KEY,
    position        bigint      NOT NULL,
    fence           bigint      NOT NULL DEFAULT 0,
    stream_created  timestamptz,
    stream_sequence bigint,
    updated_at      timestamptz NOT NULL DEFAULT now()
);

-- Work that one process at a time does. A higher fence is a later holder.
CREATE TABLE leases (
    name   text        PRIMARY KEY,
    holder uuid        NOT NULL,
    fence  bigint      NOT NULL,
    until  timestamptz NOT NULL
);

-- What each subscriber has to do and has done, one row per event. Up to its checkpoint every
-- event that concerns it has a row, or had one that was handled and has been cleared away since.
-- due_at is when the next try may begin; while a try runs, it is the end of that try's lease.
CREATE TABLE effects (
    subscriber text        NOT NULL,
    event_id   uuid        NOT NULL,
    position   bigint      NOT NULL,
    attempts   integer     NOT NULL DEFAULT 0,
    fence      bigint      NOT NULL DEFAULT 0,
    due_at     timestamptz NOT NULL DEFAULT now(),
    handled_at timestamptz,
    PRIMARY KEY (subscriber, event_id)
);
CREATE INDEX effects_due ON effects (subscriber, due_at) WHERE handled_at IS NULL;
CREATE INDEX effects_handled ON effects (subscriber, handled_at) WHERE handled_at IS NOT NULL;

-- Events that a subscriber gave up on, for an operator. last_error has no personal data.
CREATE TABLE dead_letters (
    id         uuid        PRIMARY KEY,
    subscriber text        NOT NULL,
    position   bigint      NOT NULL,
    event_id   uuid        NOT NULL,
    event_type text        NOT NULL,
    attempts   integer     NOT NULL,
    last_error text        NOT NULL,
    died_at    timestamptz NOT NULL DEFAULT now(),
    retried_at timestamptz
);
CREATE INDEX dead_letters_open ON dead_letters (died_at) WHERE retried_at IS NULL;
