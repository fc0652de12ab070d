-- The account's access generation (the sequence of its newest event that ended access), beside the hash
-- of its password. An act that ends access raises it, and whatever issues tokens holds the row's lock:
-- neither can miss the other.
ALTER TABLE credentials ADD COLUMN access_generation bigint NOT NULL DEFAULT 0;
UPDATE credentials SET access_generation = ended.sequence
FROM (SELECT aggregate_id::uuid AS user_id, max(sequence) AS sequence FROM events
      WHERE aggregate_type = 'user'
        AND event_type IN ('PasswordChanged', 'PasswordReset', 'RoleChanged', 'UserDeactivated')
      GROUP BY aggregate_id) AS ended
WHERE credentials.user_id = ended.user_id;

-- When the session's person last proved who they are. Open sessions have not done so since.
ALTER TABLE sessions ADD COLUMN authenticated_at timestamptz NOT NULL DEFAULT '-infinity';
ALTER TABLE sessions ALTER COLUMN authenticated_at SET DEFAULT now();

-- Until then the name is kept for its former owner: it leads to nobody, and nobody else may claim it.
ALTER TABLE reservations ADD COLUMN held_until timestamptz;
CREATE INDEX reservations_held ON reservations (owner) WHERE held_until IS NOT NULL;

-- Whether another active ADMIN remains.
CREATE INDEX users_admins ON users (id) WHERE role = 'ADMIN' AND is_active;
