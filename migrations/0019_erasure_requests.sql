-- Who has asked to be forgotten: nothing is taken from them any more, and what they sell and order is being
-- withdrawn. NULL for persons who were erased before there were such requests.
ALTER TABLE person_keys ADD COLUMN erasure_requested_at timestamptz;
