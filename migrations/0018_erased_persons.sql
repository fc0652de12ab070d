-- Each start compares who was erased with the records in the storage: the few of them among all persons.
-- Made at once and not CONCURRENTLY: no row is in it that changes, and of several programs that migrate at the
-- same time those that wait for their turn would be waited for.
CREATE INDEX person_keys_erased ON person_keys (user_id) WHERE erased_at IS NOT NULL;
