\set key random(1, :rows)
SELECT payload FROM reference WHERE id = :key;
