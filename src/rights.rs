//! What the role that serves may do: append to the log, and change the rows of other tables. It may neither change
//! what is in the log nor the schema, which are the owner's.

use identity::IfMissing;
use pool::{PgConnection, PgPool};

use crate::database::{Error, tables};

/// Of several processes one compares and grants at a time: PostgreSQL refuses two that grant at once.
const LOCK: i64 = 0x7665_7474_6564_0003;
const SEQUENCE: [&str; 2] = ["SELECT", "USAGE"];

/// The privileges on a table that serving takes, by the alphabet.
fn wanted(table: &str) -> &'static [&'static str] {
    match table {
        // What happened stays.
        "events" | "secrets_check" => &["INSERT", "SELECT"],
        // There is one row.
        "log_head" => &["SELECT", "UPDATE"],
        // Written by what takes the owner: migrations and rebuilds.
        "_sqlx_migrations" | "read_models" => &["SELECT"],
        // Emptied and filled, to see whether there is room.
        "readiness" => &["INSERT", "SELECT", "TRUNCATE"],
        _ => &["DELETE", "INSERT", "SELECT", "UPDATE"],
    }
}

/// A table or a sequence, and what a role may do with it.
#[derive(sqlx::FromRow)]
struct Relation {
    name: String,
    quoted: String,
    is_sequence: bool,
    granted: Vec<String>,
    /// Whether it may do more with single columns.
    has_columns: bool,
    /// Whether everybody may write.
    is_public: bool,
}

/// What nobody but those who are named is to be granted.
const WRITING: &str = "INSERT, UPDATE, DELETE, TRUNCATE, TRIGGER";

impl Relation {
    fn wanted(&self) -> &'static [&'static str] {
        if self.is_sequence { &SEQUENCE } else { wanted(&self.name) }
    }

    /// Nothing where all is as it should be.
    fn correction(&self, role: &str) -> Option<String> {
        let wanted = self.wanted();
        if self.granted == wanted && !self.has_columns && !self.is_public {
            return None;
        }
        let kind = if self.is_sequence { "SEQUENCE" } else { "TABLE" };
        let (on, wanted) = (format!("ON {kind} {}", self.quoted), wanted.join(", "));
        let public = if self.is_public {
            format!("REVOKE {WRITING} {on} FROM PUBLIC; ")
        } else {
            String::new()
        };
        Some(format!("{public}REVOKE ALL {on} FROM {role}; GRANT {wanted} {on} TO {role}"))
    }
}

/// Grants a role what serving takes, and takes away what does not. The owner itself keeps everything. A role that is
/// missing is made with [`IfMissing::Create`], without a password. Nothing is written where all is as it should be.
pub async fn grant(owner: &PgPool, role: &str, missing: IfMissing) -> Result<(), Error> {
    let mut transaction = owner.begin().await?;
    let conn = &mut *transaction;
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(LOCK).execute(&mut *conn).await?;
    let Found { quoted, is_there, is_owner } = find(conn, role).await?;
    if is_owner {
        return Ok(());
    }
    match missing {
        IfMissing::Leave if !is_there => return Err(Error::NoRole(role.to_owned())),
        IfMissing::Create if !is_there => {
            sqlx::raw_sql(&format!("CREATE ROLE {quoted} LOGIN")).execute(&mut *conn).await?;
        }
        IfMissing::Create | IfMissing::Leave => {}
    }
    for statement in corrections(conn, role, &quoted).await? {
        sqlx::raw_sql(&statement).execute(&mut *conn).await?;
    }
    Ok(transaction.commit().await?)
}

#[derive(sqlx::FromRow)]
struct Found {
    quoted: String,
    is_there: bool,
    is_owner: bool,
}

async fn find(conn: &mut PgConnection, role: &str) -> Result<Found, sqlx::Error> {
    sqlx::query_as(
        "SELECT quote_ident($1) AS quoted, $1 = current_user AS is_owner,
                EXISTS (SELECT FROM pg_roles WHERE rolname = $1) AS is_there",
    )
    .bind(role)
    .fetch_one(conn)
    .await
}

/// The statements that make a role's privileges what they should be.
async fn corrections(
    conn: &mut PgConnection,
    role: &str,
    quoted: &str,
) -> Result<Vec<String>, sqlx::Error> {
    let names: Vec<_> = tables().into_iter().collect();
    let relations: Vec<Relation> = sqlx::query_as(
        "SELECT relname::text AS name, quote_ident(relname) AS quoted, relkind = 'S' AS is_sequence,
                ARRAY(SELECT privilege_type FROM aclexplode(relacl)
                      WHERE grantee = serving ORDER BY privilege_type COLLATE \"C\") AS granted,
                EXISTS (SELECT FROM pg_attribute, aclexplode(attacl)
                        WHERE attrelid = pg_class.oid AND grantee = serving) AS has_columns,
                relkind = 'r' AND (
                    EXISTS (SELECT FROM aclexplode(relacl) WHERE grantee = 0 AND privilege_type = ANY ($3))
                    OR EXISTS (SELECT FROM pg_attribute, aclexplode(attacl)
                               WHERE attrelid = pg_class.oid AND grantee = 0
                                 AND privilege_type = ANY ($3))) AS is_public
         FROM pg_class, (SELECT (SELECT oid FROM pg_roles WHERE rolname = $2) AS serving) AS role
         WHERE relnamespace = current_schema()::regnamespace
           AND (relkind = 'r' AND relname = ANY ($1) OR relkind = 'S' AND pg_has_role(relowner, 'USAGE'))",
    )
    .bind(names)
    .bind(role)
    .bind(WRITING.split(", ").collect::<Vec<_>>())
    .fetch_all(&mut *conn)
    .await?;
    let mut statements = corrections_beside(conn, role).await?;
    statements.extend(relations.iter().filter_map(|relation| relation.correction(quoted)));
    Ok(statements)
}

/// What goes for the schema and the database, as far as they are the owner's. A table of a session's own could stand
/// before one of the same name.
async fn corrections_beside(
    conn: &mut PgConnection,
    role: &str,
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT format('GRANT USAGE ON SCHEMA %I TO %I', nspname, $1) FROM pg_namespace
         WHERE oid = current_schema()::regnamespace AND pg_has_role(nspowner, 'USAGE')
           AND NOT has_schema_privilege($1::name, oid, 'USAGE')
         UNION ALL
         SELECT format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC, %I', nspname, $1) FROM pg_namespace
         WHERE oid = current_schema()::regnamespace AND pg_has_role(nspowner, 'USAGE')
           AND has_schema_privilege($1::name, oid, 'CREATE')
         UNION ALL
         SELECT format('REVOKE TEMPORARY, CREATE ON DATABASE %I FROM PUBLIC, %I', datname, $1) FROM pg_database
         WHERE datname = current_database() AND pg_has_role(datdba, 'USAGE')
           AND has_database_privilege($1::name, oid, 'TEMPORARY, CREATE')",
    )
    .bind(role)
    .fetch_all(conn)
    .await
}

/// Refuses a role that has not been granted what serving takes.
pub async fn check_granted(pool: &PgPool) -> Result<(), Error> {
    let wanted =
        tables().into_iter().flat_map(|table| wanted(table).iter().map(move |p| (table, *p)));
    let (names, privileges): (Vec<_>, Vec<_>) = wanted.unzip();
    let lacking: Option<(String, String, String)> = sqlx::query_as(
        "SELECT current_user::text, privilege, name FROM unnest($1::text[], $2::text[]) AS wanted (name, privilege)
         JOIN pg_class ON relname = name AND relkind = 'r' AND relnamespace = current_schema()::regnamespace
         WHERE NOT has_table_privilege(pg_class.oid, privilege) LIMIT 1",
    )
    .bind(names)
    .bind(privileges)
    .fetch_optional(pool)
    .await?;
    match lacking {
        None => Ok(()),
        Some((role, privilege, table)) => Err(Error::NotGranted { role, privilege, table }),
    }
}

/// Refuses a role that may not change the schema.
pub async fn check_owner(variable: &'static str, pool: &PgPool) -> Result<(), Error> {
    let (role, is_owner): (String, bool) = sqlx::query_as(
        "SELECT current_user::text, coalesce(has_schema_privilege(current_schema(), 'CREATE'), false)
                AND NOT EXISTS (SELECT FROM pg_class
                                WHERE relname = ANY ($1) AND relkind = 'r' AND NOT pg_has_role(relowner, 'USAGE')
                                  AND relnamespace = current_schema()::regnamespace)",
    )
    .bind(tables().into_iter().collect::<Vec<_>>())
    .fetch_one(pool)
    .await?;
    if is_owner { Ok(()) } else { Err(Error::NotOwner { variable, role }) }
}

/// The role that serves.
pub struct Serving {
    /// Its name.
    pub role: String,
    /// Why it may change what is in the log, or the schema, where it may.
    pub excess: Option<String>,
}

impl Serving {
    /// Says what is wrong, and what to do.
    pub fn warning(&self) -> Option<String> {
        let Self { role, excess } = self;
        let excess = excess.as_ref()?;
        Some(format!(
            "the role {role} of DATABASE_URL may change what is in the log, or the schema: it {excess}. Take \
             that from it, or have another one serve: docs/operations.md, \"Two roles\""
        ))
    }
}

/// Looks at the role that serves a database which has been migrated.
pub async fn look(pool: &PgPool) -> Result<Serving, Error> {
    let (role, excess): (String, Option<String>) = sqlx::query_as(
        "SELECT rolname::text, CASE
            WHEN rolsuper THEN 'is a superuser'
            WHEN pg_has_role(relowner, 'MEMBER') THEN 'owns the tables, or may become their owner'
            WHEN has_schema_privilege(relnamespace, 'CREATE') THEN 'may create tables'
            WHEN pg_has_role(datdba, 'MEMBER') THEN 'owns the database, or may become its owner'
            WHEN has_database_privilege(pg_database.oid, 'CREATE') THEN 'may create schemas'
            WHEN rolcreaterole THEN 'may create roles'
            WHEN pg_has_role('pg_execute_server_program', 'MEMBER') OR pg_has_role('pg_write_server_files', 'MEMBER')
              THEN 'may run programs or write files on the server'
         END
         FROM pg_class AS events, pg_roles, pg_database
         WHERE events.oid = 'events'::regclass AND rolname = current_user AND datname = current_database()",
    )
    .fetch_one(pool)
    .await?;
    Ok(match excess {
        Some(excess) => Serving { role, excess: Some(excess) },
        None => Serving { role, excess: granted_in_excess(pool).await? },
    })
}

/// A privilege on a table that serving does not take, whether it was granted to the role, to another one that it is a
/// member of, or to everybody.
async fn granted_in_excess(pool: &PgPool) -> Result<Option<String>, sqlx::Error> {
    let unwanted = |table| {
        let every = WRITING.split(", ").filter(move |privilege| !wanted(table).contains(privilege));
        every.map(move |privilege| (table, privilege))
    };
    let (names, privileges): (Vec<_>, Vec<_>) = tables().into_iter().flat_map(unwanted).unzip();
    sqlx::query_scalar(
        "SELECT format('was granted %s on the table %s', privilege, name)
         FROM unnest($1::text[], $2::text[]) AS unwanted (name, privilege)
         JOIN pg_class ON relname = name AND relkind = 'r' AND relnamespace = current_schema()::regnamespace
         WHERE CASE WHEN privilege IN ('INSERT', 'UPDATE') THEN has_any_column_privilege(pg_class.oid, privilege)
                    ELSE has_table_privilege(pg_class.oid, privilege) END
         LIMIT 1",
    )
    .bind(names)
    .bind(privileges)
    .fetch_optional(pool)
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relation_is_corrected_only_where_its_privileges_differ() {
        let relation = |granted: &[&str]| Relation {
            name: "events".to_owned(),
            quoted: "events".to_owned(),
            is_sequence: false,
            granted: granted.iter().map(|&privilege| privilege.to_owned()).collect(),
            has_columns: false,
            is_public: false,
        };

        assert_eq!(relation(&["INSERT", "SELECT"]).correction("serving"), None);
        let expected = "REVOKE ALL ON TABLE events FROM serving; GRANT INSERT, SELECT ON TABLE events TO serving";
        for granted in [&["INSERT", "SELECT", "UPDATE"][..], &["SELECT"], &[]] {
            assert_eq!(relation(granted).correction("serving").as_deref(), Some(expected));
        }
    }
}
