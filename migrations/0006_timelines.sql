-- Timelines are folded from the log when they are read.
DROP TABLE timeline;
DELETE FROM read_models WHERE name = 'timeline';
