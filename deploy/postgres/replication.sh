#!/usr/bin/env bash
# Runs once, when the first primary is made: who may copy it, and who confirms its commits.
set -euo pipefail

psql -v ON_ERROR_STOP=1 -v password="$POSTGRES_PASSWORD" -U "$POSTGRES_USER" -d "$POSTGRES_DB" <<'SQL'
CREATE ROLE replication LOGIN REPLICATION PASSWORD :'password';
ALTER SYSTEM SET synchronous_standby_names = 'postgres2';
SQL
echo 'host replication replication all scram-sha-256' >>"$PGDATA/pg_hba.conf"
