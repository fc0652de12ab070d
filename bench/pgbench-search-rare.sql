-- What a search for words that few products have runs: a short stretch of the list, the planner's guess of how
-- many match, then the index of words.
SELECT p.id, p.owner_id, p.name, p.description, p.category_id, p.price_minor, p.price_currency, p.status,
p.processing_status, p.video, p.has_poster, p.version, p.created_at, p.updated_at, p.deleted, p.listed,
p.created_position, p.sort_name, p.sort_price, c.name AS category_name, c.description AS category_description,
j.progress, p.matches, p.is_last FROM (SELECT * FROM (SELECT *, coalesce(true AND search @@
websearch_to_tsquery('simple', :word), false) AS matches, row_number() OVER (ORDER BY created_position DESC) =
210 AS is_last FROM (SELECT * FROM ((SELECT id, owner_id, name, description, category_id, price_minor,
price_currency, status, processing_status, video, has_poster, version, created_at, updated_at, deleted,
listed, created_position, sort_name, sort_price, search FROM products WHERE NOT deleted AND listed AND
created_at > '-infinity' ORDER BY created_position DESC LIMIT 210) UNION ALL (SELECT id, owner_id, name,
description, category_id, price_minor, price_currency, status, processing_status, video, has_poster, version,
created_at, updated_at, deleted, listed, created_position, sort_name, sort_price, search FROM products WHERE
NOT deleted AND NOT listed AND owner_id = :buyer AND status = 'PENDING' AND created_at >= '-infinity' ORDER BY
created_position DESC LIMIT 210) UNION ALL (SELECT id, owner_id, name, description, category_id, price_minor,
price_currency, status, processing_status, video, has_poster, version, created_at, updated_at, deleted,
listed, created_position, sort_name, sort_price, search FROM products WHERE NOT deleted AND NOT listed AND
owner_id = :buyer AND status = 'APPROVED' AND created_at >= '-infinity' ORDER BY created_position DESC LIMIT
210) UNION ALL (SELECT id, owner_id, name, description, category_id, price_minor, price_currency, status,
processing_status, video, has_poster, version, created_at, updated_at, deleted, listed, created_position,
sort_name, sort_price, search FROM products WHERE NOT deleted AND NOT listed AND owner_id = :buyer AND status
= 'REJECTED' AND created_at >= '-infinity' ORDER BY created_position DESC LIMIT 210) UNION ALL (SELECT id,
owner_id, name, description, category_id, price_minor, price_currency, status, processing_status, video,
has_poster, version, created_at, updated_at, deleted, listed, created_position, sort_name, sort_price, search
FROM products WHERE NOT deleted AND NOT listed AND owner_id = :buyer AND status = 'CANCELLED' AND created_at
>= '-infinity' ORDER BY created_position DESC LIMIT 210)) m ORDER BY created_position DESC LIMIT 210) s) w
WHERE matches OR is_last ORDER BY created_position DESC LIMIT 21) p LEFT JOIN categories c ON c.id =
p.category_id LEFT JOIN video_jobs j ON j.product_id = p.id AND j.upload_id::text = p.video->>'upload' ORDER
BY created_position DESC LIMIT 21;
EXPLAIN (FORMAT JSON) (SELECT created_position FROM products WHERE NOT deleted AND listed AND created_at >
'-infinity' AND search @@ websearch_to_tsquery('simple', :word) OFFSET 0) UNION ALL (SELECT created_position
FROM products WHERE NOT deleted AND NOT listed AND created_at > '-infinity' AND owner_id = :buyer AND search
@@ websearch_to_tsquery('simple', :word) OFFSET 0);
SELECT p.id, p.owner_id, p.name, p.description, p.category_id, p.price_minor, p.price_currency, p.status,
p.processing_status, p.video, p.has_poster, p.version, p.created_at, p.updated_at, p.deleted, p.listed,
p.created_position, p.sort_name, p.sort_price, c.name AS category_name, c.description AS category_description,
j.progress FROM (SELECT * FROM ((SELECT id, owner_id, name, description, category_id, price_minor,
price_currency, status, processing_status, video, has_poster, version, created_at, updated_at, deleted,
listed, created_position, sort_name, sort_price FROM products WHERE NOT deleted AND listed AND created_at >
'-infinity' AND search @@ websearch_to_tsquery('simple', :word) OFFSET 0) UNION ALL (SELECT id, owner_id,
name, description, category_id, price_minor, price_currency, status, processing_status, video, has_poster,
version, created_at, updated_at, deleted, listed, created_position, sort_name, sort_price FROM products WHERE
NOT deleted AND NOT listed AND created_at > '-infinity' AND owner_id = :buyer AND search @@
websearch_to_tsquery('simple', :word) OFFSET 0)) m ORDER BY created_position DESC LIMIT 21) p LEFT JOIN
categories c ON c.id = p.category_id LEFT JOIN video_jobs j ON j.product_id = p.id AND j.upload_id::text =
p.video->>'upload' ORDER BY created_position DESC LIMIT 21;
