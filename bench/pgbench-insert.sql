INSERT INTO reference (payload) VALUES (:payload);
