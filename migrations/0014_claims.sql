-- A claim on an Idempotency-Key is good for seconds, and renewed for as long as its request runs. What
-- was claimed by somebody else meanwhile may not be carried out: this says whose the claim is.
ALTER TABLE idempotency_keys ADD COLUMN claim uuid;
