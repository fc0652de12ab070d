-- The read models. Everything but video_jobs is folded from the log and can be made again
-- (`vetted projections rebuild`), so nothing here refers to another table, and nothing has
-- triggers: what a row says is in the fold.

-- Which version of its fold each read model was made with.
CREATE TABLE read_models (
    name       text        PRIMARY KEY,
    version    integer     NOT NULL,
    rebuilt_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO read_models (name, version)
VALUES ('products', 1), ('categories', 1), ('orders', 1), ('users', 1), ('timeline', 1);

-- created_position, the position of a row's first event, is "newest first" without ties.
-- Deleted rows stay: their owner's history shows them.
CREATE TABLE products (
    id                uuid        PRIMARY KEY,
    owner_id          uuid        NOT NULL,
    name              text        NOT NULL,
    description       text        NOT NULL,
    category_id       uuid        NOT NULL,
    price_minor       bigint,
    price_currency    text,
    status            text        NOT NULL,
    processing_status text        NOT NULL,
    video             jsonb,
    has_poster        boolean     NOT NULL,
    version           bigint      NOT NULL,
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL,
    deleted           boolean     NOT NULL,
    listed            boolean     NOT NULL,
    created_position  bigint      NOT NULL,
    sort_name         text        COLLATE "C" NOT NULL,
    sort_price        bigint      NOT NULL,
    search            tsvector    GENERATED ALWAYS AS (to_tsvector('simple', name || ' ' || description)) STORED
);

-- A list is a merge of listed rows and unlisted ones (all of them for staff, one's own
-- otherwise). Each half is read in order from where the page begins, and millions of unlisted
-- rows never stand between two listed ones. One index per half and order that a list may have;
-- those of everybody's rows ask for a position above 0, -1 or -2, which is always so and which
-- only the query says that each was made for: no plan for one owner's rows, say, may walk through
-- all of them.
CREATE INDEX products_newest ON products (created_position)
    WHERE NOT deleted AND listed AND created_position > 0;
CREATE INDEX products_name   ON products (sort_name, created_position)
    WHERE NOT deleted AND listed AND created_position > 0;
CREATE INDEX products_price  ON products (sort_price, created_position)
    WHERE NOT deleted AND listed AND created_position > 0;
CREATE INDEX products_unlisted_newest ON products (created_position)
    WHERE NOT deleted AND NOT listed AND created_position > 0;
CREATE INDEX products_unlisted_name ON products (sort_name, created_position)
    WHERE NOT deleted AND NOT listed AND created_position > 0;
CREATE INDEX products_unlisted_price ON products (sort_price, created_position)
    WHERE NOT deleted AND NOT listed AND created_position > 0;
-- Browsing a category, and one owner's products; the latter also for their history, which has
-- deleted ones. Other orders within these sort that category's or owner's rows.
CREATE INDEX products_category ON products (category_id, listed, created_position) WHERE NOT deleted;
CREATE INDEX products_owner    ON products (owner_id, deleted, listed, created_position);
-- The moderators' queue. Listed rows are all APPROVED, so they need no part in it.
CREATE INDEX products_status ON products (status, created_position)
    WHERE NOT deleted AND NOT listed AND created_position > -1;
-- Videos that are stuck or failed: few among many that are READY.
CREATE INDEX products_unfinished ON products (processing_status, created_position)
    WHERE NOT deleted AND NOT listed AND created_position > -2 AND processing_status <> 'READY';
CREATE INDEX products_search ON products USING gin (search);

CREATE TABLE categories (
    id               uuid        PRIMARY KEY,
    name             text        NOT NULL,
    description      text        NOT NULL,
    product_count    bigint      NOT NULL,
    version          bigint      NOT NULL,
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    created_position bigint      NOT NULL
);
-- product_count, which changes all the time, is in no index: those updates stay within the page.
CREATE UNIQUE INDEX categories_newest ON categories (created_position);

CREATE TABLE orders (
    id               uuid        PRIMARY KEY,
    user_id          uuid        NOT NULL,
    items            jsonb       NOT NULL,
    products         uuid[]      NOT NULL,
    status           text        NOT NULL,
    version          bigint      NOT NULL,
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    deleted          boolean     NOT NULL,
    created_position bigint      NOT NULL
);
CREATE INDEX orders_newest ON orders (created_position) WHERE NOT deleted;
CREATE INDEX orders_user   ON orders (user_id, created_position) WHERE NOT deleted;
CREATE INDEX orders_status ON orders (status, created_position) WHERE NOT deleted;
-- Who ordered a product that few ordered; for one that many did, the planner knows so from the
-- array's statistics and walks orders_newest.
CREATE INDEX orders_products ON orders USING gin (products) WHERE NOT deleted;

CREATE TABLE users (
    id               uuid        PRIMARY KEY,
    email            text,
    role             text        NOT NULL,
    activated        boolean     NOT NULL,
    deactivated      boolean     NOT NULL,
    is_active        boolean     NOT NULL,
    date_joined      timestamptz NOT NULL,
    version          bigint      NOT NULL,
    updated_at       timestamptz NOT NULL,
    created_position bigint      NOT NULL
);
CREATE UNIQUE INDEX users_newest ON users (created_position);

-- What happened to each product and order. Always read by stream, so the key is enough.
CREATE TABLE timeline (
    stream_type text        NOT NULL,
    stream_id   uuid        NOT NULL,
    sequence    bigint      NOT NULL,
    position    bigint      NOT NULL,
    type        text        NOT NULL,
    at          timestamptz NOT NULL,
    actor       jsonb       NOT NULL,
    reason      text,
    judged      bigint,
    changes     jsonb       NOT NULL,
    PRIMARY KEY (stream_type, stream_id, sequence)
);

-- Who finishes which video, and how far they are. Operational, not folded: a rebuild leaves it.
CREATE TABLE video_jobs (
    product_id  uuid        PRIMARY KEY,
    upload_id   uuid        NOT NULL,
    fence       bigint      NOT NULL DEFAULT 0,
    lease_until timestamptz,
    progress    smallint    NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 100),
    attempts    integer     NOT NULL DEFAULT 0,
    updated_at  timestamptz NOT NULL DEFAULT now()
);
