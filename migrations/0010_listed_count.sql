-- What END_USERs see of a category's count. It is folded: `categories` is made again at start, unless
-- there is nothing to fold yet.
ALTER TABLE categories ADD COLUMN listed_count bigint NOT NULL DEFAULT 0;
UPDATE read_models SET version = 2
WHERE name = 'categories' AND NOT EXISTS (SELECT FROM events);
