-- What END_USERs see of a category's count. It is folded: `categories` is made again at start.
ALTER TABLE categories ADD COLUMN listed_count bigint NOT NULL DEFAULT 0;
