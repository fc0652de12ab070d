-- Words are searched for whatever their Unicode form: the fold says the text to search where that is
-- another than name and description. A currency is three capital letters, and lists by price go by it
-- first. Indexes that name these columns are made again below.
DROP INDEX products_newest, products_name, products_price, products_unlisted_newest,
    products_unlisted_name, products_unlisted_price, products_category, products_owner,
    products_status, products_unfinished, products_search;
ALTER TABLE products DROP COLUMN search,
    ALTER COLUMN price_currency TYPE text COLLATE "C",
    ADD COLUMN search_text text;
ALTER TABLE products ADD COLUMN search tsvector
    GENERATED ALWAYS AS (to_tsvector('simple', coalesce(search_text, name || ' ' || description))) STORED;
CREATE INDEX products_search ON products USING gin (search);
-- The table is made again at start, unless there is nothing to fold yet.
UPDATE read_models SET version = 2 WHERE name = 'products' AND NOT EXISTS (SELECT FROM events);

-- Category names are claimed in a form that leaves out what cannot be seen (domain/src/folding.rs). Of two
-- that are one name from now on, one keeps it claimed.
WITH folded AS (
    SELECT kind, name AS claimed, btrim(regexp_replace(lower(normalize(regexp_replace(normalize(name, NFKD),
        '[\u0001-\u0008\u000e-\u001f\u007f-\u0084\u0086-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5'
        '\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0'
        '\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]',
        '', 'g'), NFKC)), '\s+', ' ', 'g')) AS name
    FROM reservations WHERE kind = 'category_name'),
former AS (
    DELETE FROM reservations USING folded
    WHERE reservations.kind = folded.kind AND reservations.name = folded.claimed
      AND folded.name <> folded.claimed
    RETURNING folded.kind, folded.name, owner, held_until)
INSERT INTO reservations (kind, name, owner, held_until)
SELECT kind, name, owner, held_until FROM former ON CONFLICT DO NOTHING;

-- A list is a merge of parts, each of which an index has in the list's order: listed rows, and unlisted
-- ones (by status, of which there are four), of everybody, of one owner, of one category. What an owner has
-- listed has an index by time alone: each is one more for every append.
-- Conditions on created_at always hold, and only the query that an index was made for says its own: no
-- plan for one owner's rows, say, may walk through all of them. A position won't do for that: pages begin
-- at one, and whatever is above 7 is above 0 too.
CREATE INDEX products_newest ON products (created_position)
    WHERE NOT deleted AND listed AND created_at > '-infinity';
CREATE INDEX products_name ON products (sort_name, created_position)
    WHERE NOT deleted AND listed AND created_at > '-infinity';
CREATE INDEX products_price ON products (price_currency, sort_price, created_position)
    WHERE NOT deleted AND listed AND created_at > '-infinity';
CREATE INDEX products_unlisted_newest ON products (status, created_position)
    WHERE NOT deleted AND NOT listed AND created_at > '-infinity';
CREATE INDEX products_unlisted_name ON products (status, sort_name, created_position)
    WHERE NOT deleted AND NOT listed AND created_at > '-infinity';
CREATE INDEX products_unlisted_price ON products (status, price_currency, sort_price, created_position)
    WHERE NOT deleted AND NOT listed AND created_at > '-infinity';
CREATE INDEX products_category ON products (category_id, listed, created_position)
    WHERE NOT deleted AND created_at >= '-infinity';
CREATE INDEX products_category_name ON products (category_id, listed, sort_name, created_position)
    WHERE NOT deleted AND created_at >= '-infinity';
CREATE INDEX products_category_price
    ON products (category_id, listed, price_currency, sort_price, created_position)
    WHERE NOT deleted AND created_at >= '-infinity';
-- Also for their history, which has deleted ones.
CREATE INDEX products_owner ON products (owner_id, deleted, listed, created_position)
    WHERE created_at >= '-infinity';
CREATE INDEX products_owner_name ON products (owner_id, sort_name, created_position)
    WHERE NOT deleted AND NOT listed AND created_at >= '-infinity';
CREATE INDEX products_owner_price ON products (owner_id, price_currency, sort_price, created_position)
    WHERE NOT deleted AND NOT listed AND created_at >= '-infinity';
-- Listed rows are all APPROVED and READY, so they need no part in these.
CREATE INDEX products_owner_status ON products (owner_id, status, created_position)
    WHERE NOT deleted AND NOT listed;
CREATE INDEX products_unfinished ON products (processing_status, created_position)
    WHERE NOT deleted AND NOT listed AND processing_status <> 'READY';

DROP INDEX orders_newest, orders_user;
CREATE INDEX orders_newest ON orders (created_position) WHERE NOT deleted AND created_at > '-infinity';
CREATE INDEX orders_user ON orders (user_id, status, created_position) WHERE NOT deleted;

DROP INDEX users_newest;
CREATE UNIQUE INDEX users_newest ON users (created_position) WHERE date_joined > '-infinity';
CREATE INDEX users_role ON users (role, is_active, created_position);
