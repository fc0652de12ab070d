-- Resumable uploads (tus), until the video of the product that took one is finished. Operational,
-- not folded: only the database's clock counts, and a higher fence is a later holder.
CREATE TABLE uploads (
    id             uuid        PRIMARY KEY,
    owner          uuid        NOT NULL,
    -- Bytes; NULL while the client has not said.
    length         bigint      CHECK (length >= 0),
    received       bigint      NOT NULL DEFAULT 0 CHECK (received >= 0),
    -- Upload-Metadata as it was sent.
    metadata       text        NOT NULL,
    -- The state of SHA-256 over the received bytes, and its end once there are `length` of them.
    hash           bytea,
    sha256         text,
    -- Which product's video it is.
    product        uuid,
    created_at     timestamptz NOT NULL DEFAULT now(),
    expires_at     timestamptz NOT NULL,
    fence          bigint      NOT NULL DEFAULT 0,
    lease_until    timestamptz,
    stop_requested boolean     NOT NULL DEFAULT false,
    CHECK (received <= length)
);
CREATE INDEX uploads_owner ON uploads (owner) WHERE product IS NULL;
CREATE INDEX uploads_expiry ON uploads (expires_at);

-- The objects in storage that an upload's bytes are in, one after the other.
CREATE TABLE upload_parts (
    upload uuid   NOT NULL REFERENCES uploads ON DELETE CASCADE,
    start  bigint NOT NULL,
    size   bigint NOT NULL,
    key    text   NOT NULL,
    PRIMARY KEY (upload, start)
);

-- Whether something in storage still is a product's video.
CREATE INDEX products_video ON products ((video ->> 'upload')) WHERE video IS NOT NULL;
