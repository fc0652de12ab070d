#!/usr/bin/env bash
# Runs once, when a cluster is made: the role that serves. `vetted migrate` grants it its rights.
set -euo pipefail

psql -v ON_ERROR_STOP=1 -v password="$SERVING_PASSWORD" -U "$POSTGRES_USER" -d "$POSTGRES_DB" <<'SQL'
CREATE ROLE vetted_serving LOGIN PASSWORD :'password';
SQL
