-- One index for an owner's rows with and without a filter by status: a list without it is merged of the
-- parts of each. Every index is one that every append writes to.
DROP INDEX products_owner, products_owner_status;
CREATE INDEX products_owner ON products (owner_id, deleted, listed, status, created_position)
    WITH (deduplicate_items = off) WHERE created_at >= '-infinity';

-- These end with a position, so no two entries are equal, and looking for equal ones when a page is full is
-- in vain.
ALTER INDEX products_newest SET (deduplicate_items = off);
ALTER INDEX products_name SET (deduplicate_items = off);
ALTER INDEX products_price SET (deduplicate_items = off);
ALTER INDEX products_unlisted_newest SET (deduplicate_items = off);
ALTER INDEX products_unlisted_name SET (deduplicate_items = off);
ALTER INDEX products_unlisted_price SET (deduplicate_items = off);
ALTER INDEX products_category SET (deduplicate_items = off);
ALTER INDEX products_category_name SET (deduplicate_items = off);
ALTER INDEX products_category_price SET (deduplicate_items = off);
ALTER INDEX products_owner_name SET (deduplicate_items = off);
ALTER INDEX products_owner_price SET (deduplicate_items = off);
ALTER INDEX products_unfinished SET (deduplicate_items = off);
ALTER INDEX orders_newest SET (deduplicate_items = off);
ALTER INDEX orders_user SET (deduplicate_items = off);
