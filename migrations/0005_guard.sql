-- How often passwords may be tried. A failure moves `until` ahead, and a try is refused while that
-- is too far ahead. Subjects are keyed hashes of accounts and addresses.
DROP TABLE attempts;
CREATE TABLE attempts (
    subject text        PRIMARY KEY,
    until   timestamptz NOT NULL
);

-- Whence an account was signed in to: such an address keeps its tries while strangers use up theirs.
CREATE TABLE familiar_addresses (
    subject text        PRIMARY KEY,
    seen_at timestamptz NOT NULL DEFAULT now()
);
