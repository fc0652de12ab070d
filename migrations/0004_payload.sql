-- Encrypted payloads that were taken, so that none is taken again by any replica. jti is the
-- SHA-256, in base64url, of what the client called its payload.
CREATE TABLE payload_nonces (
    jti        text        PRIMARY KEY,
    expires_at timestamptz NOT NULL
);
CREATE INDEX payload_nonces_expired ON payload_nonces (expires_at);
