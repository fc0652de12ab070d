//! What a migration may do while the version before it serves: only expand. What takes something away, a
//! contract step, says which version stopped using it, and ships in a later one.

use std::collections::BTreeSet;
use std::path::Path;

/// What landed before there were these rules.
const LANDED: &str = "0018";
/// The first line of a file that builds or drops an index.
const ALONE: &str = "-- no-transaction";
/// The first line of a contract step, before the version that stopped using what it takes away.
const CONTRACT: &str = "-- contract: unused since ";

struct Migration {
    name: String,
    text: String,
}

impl Migration {
    fn of(name: &str, text: &str) -> Self {
        Self { name: name.to_owned(), text: text.to_owned() }
    }

    /// Each in capitals, on one line, without comments.
    fn statements(&self) -> Vec<String> {
        let lines = self.text.lines().map(|line| line.split("--").next().unwrap_or_default());
        let code = lines.collect::<Vec<_>>().join(" ").to_uppercase();
        let tidy = |part: &str| part.split_whitespace().collect::<Vec<_>>().join(" ");
        code.split(';').map(tidy).filter(|statement| !statement.is_empty()).collect()
    }

    fn is_contract(&self) -> bool {
        self.name.contains("_contract_")
    }

    /// The tables that it makes: nobody uses them yet.
    fn tables(&self) -> BTreeSet<String> {
        let made = self.statements();
        let made = made.iter().filter_map(|statement| statement.strip_prefix("CREATE TABLE "));
        let name = |rest: &str| {
            rest.trim_start_matches("IF NOT EXISTS ").split([' ', '(']).next().map(str::to_owned)
        };
        made.filter_map(name).collect()
    }

    /// What is wrong with it, given what the ones before it say.
    fn faults(&self, before: &str) -> Vec<String> {
        let mut faults = self.form();
        let own = self.tables();
        for statement in self.statements() {
            let found = locks(&statement, &own);
            let taken = if self.is_contract() { None } else { takes_away(&statement, before) };
            faults.extend(
                found
                    .into_iter()
                    .chain(taken)
                    .map(|fault| format!("{}: {fault}: {statement}", self.name)),
            );
        }
        faults
    }

    /// First lines and names that belong together.
    fn form(&self) -> Vec<String> {
        let first = self.text.lines().next().unwrap_or_default();
        let statements = self.statements();
        let is_alone = statements.iter().any(|statement| statement.contains(" CONCURRENTLY "));
        let mut faults = vec![];
        if is_alone && (first != ALONE || statements.len() != 1) {
            faults.push(format!(
                "{}: CONCURRENTLY takes a file of its own that begins with {ALONE}",
                self.name
            ));
        }
        if first == ALONE && !is_alone {
            faults.push(format!("{}: only CONCURRENTLY runs without a transaction", self.name));
        }
        let has = |words: &str| statements.iter().any(|statement| statement.contains(words));
        if has(" NOT VALID") && has(" VALIDATE CONSTRAINT ") {
            faults.push(format!(
                "{}: VALIDATE in a migration of its own: this one holds a lock",
                self.name
            ));
        }
        let unused = self.text.lines().find_map(|line| line.strip_prefix(CONTRACT));
        if self.is_contract() != unused.is_some_and(is_earlier) {
            faults.push(format!("{}: a contract step is called NNNN_contract_… and has a line {CONTRACT}VERSION, an earlier one than this", self.name));
        }
        faults
    }
}

/// Than the version that is being built.
fn is_earlier(version: &str) -> bool {
    let parse = |text: &str| {
        text.trim().split('.').map(|part| part.parse().ok()).collect::<Option<Vec<u32>>>()
    };
    parse(version).is_some_and(|version| Some(version) < parse(env!("CARGO_PKG_VERSION")))
}

/// Whether a statement would fail a version that does not know of it.
fn takes_away(statement: &str, before: &str) -> Option<&'static str> {
    let has = |words: &str| statement.contains(words);
    if statement.starts_with("DROP ") && !has("DROP INDEX")
        || has(" DROP COLUMN ")
        || has(" DROP DEFAULT")
    {
        Some("the version before may use what this drops")
    } else if has(" RENAME ") || has(" SET SCHEMA ") {
        Some("the version before uses the old name")
    } else if has(" TYPE ") && has(" ALTER ") {
        Some("the version before reads the old type, and the table is written again")
    } else if has(" ADD COLUMN ") && has(" NOT NULL") && !has(" DEFAULT ") && !has(" GENERATED ") {
        Some("the version before does not fill this column")
    } else if has(" SET NOT NULL") && !is_validated(statement, before) {
        Some("add CHECK (… IS NOT NULL) NOT VALID and VALIDATE it in migrations before")
    } else if statement.starts_with("TRUNCATE ") {
        Some("the version before may use these rows")
    } else {
        None
    }
}

/// Whether a migration before it has checked that no row has null there.
fn is_validated(statement: &str, before: &str) -> bool {
    let column = statement.split(" ALTER COLUMN ").nth(1).and_then(|rest| rest.split(' ').next());
    let check = column.map(|column| format!("CHECK ({column} IS NOT NULL)"));
    check.is_some_and(|check| before.contains(&check)) && before.contains(" VALIDATE CONSTRAINT ")
}

/// Whether a statement holds up those who write to a table for as long as it reads it.
fn locks(statement: &str, own: &BTreeSet<String>) -> Option<&'static str> {
    let has = |words: &str| statement.contains(words);
    let table = statement
        .split(" ON ")
        .nth(1)
        .and_then(|rest| rest.trim_start_matches("ONLY ").split([' ', '(']).next());
    let is_new = table.is_some_and(|table| own.contains(table));
    let is_index =
        ["CREATE INDEX", "CREATE UNIQUE INDEX"].iter().any(|words| statement.starts_with(words));
    if is_index && !has(" CONCURRENTLY ") && !is_new {
        Some("an index on a table that is in use is built CONCURRENTLY")
    } else if is_index && has(" CONCURRENTLY ") && !has(" IF NOT EXISTS ") {
        Some("say IF NOT EXISTS: the note that it was built may be missing")
    } else if statement.starts_with("DROP INDEX") && !has(" CONCURRENTLY IF EXISTS ") {
        Some("say DROP INDEX CONCURRENTLY IF EXISTS")
    } else if statement.starts_with("ALTER TABLE") && adds_constraint(statement) {
        Some("add a constraint NOT VALID, or USING INDEX, and VALIDATE it in a migration after it")
    } else if ["LOCK ", "CLUSTER", "VACUUM", "REINDEX"]
        .iter()
        .any(|words| statement.starts_with(words))
    {
        Some("it locks a table that is in use")
    } else {
        None
    }
}

fn adds_constraint(statement: &str) -> bool {
    let kinds = [
        " ADD CONSTRAINT ",
        " ADD CHECK ",
        " ADD FOREIGN KEY ",
        " ADD PRIMARY KEY ",
        " ADD UNIQUE ",
    ];
    let adds = kinds.iter().any(|kind| statement.contains(kind));
    adds && !statement.contains(" NOT VALID") && !statement.contains(" USING INDEX ")
}

fn migrations() -> Vec<Migration> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut all: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_name() != "README.md")
        .map(|entry| Migration {
            name: entry.file_name().into_string().unwrap(),
            text: std::fs::read_to_string(entry.path()).unwrap(),
        })
        .collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

#[test]
fn a_migration_only_adds_what_the_version_before_it_needs_not_know() {
    let mut before = String::new();
    let mut faults = vec![];
    for migration in migrations() {
        if &migration.name[..LANDED.len()] > LANDED {
            faults.extend(migration.faults(&before));
        }
        before.push_str(&migration.statements().join("; "));
    }

    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn what_would_fail_or_hold_up_a_running_version_is_found() {
    let validated = "ALTER TABLE PRODUCTS ADD CONSTRAINT C CHECK (NOTE IS NOT NULL) NOT VALID; \
                     ALTER TABLE PRODUCTS VALIDATE CONSTRAINT C";
    for wrong in [
        "DROP TABLE products;",
        "ALTER TABLE products\n    DROP COLUMN note;",
        "alter table products rename column note to remark;",
        "ALTER TABLE products ALTER COLUMN note TYPE bigint;",
        "ALTER TABLE products ALTER COLUMN note SET NOT NULL;",
        "ALTER TABLE products ADD COLUMN note text NOT NULL;",
        "ALTER TABLE products ADD CONSTRAINT c CHECK (note <> '');",
        "CREATE INDEX products_note ON products (note);",
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS products_note ON products (note);",
        "-- no-transaction\nCREATE INDEX CONCURRENTLY products_note ON products (note);",
        "-- no-transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS a ON b (c); SELECT 1;",
        "-- no-transaction\nALTER TABLE products ADD COLUMN note text;",
        "DROP INDEX products_note;",
        "ALTER TABLE a ADD CONSTRAINT c CHECK (b > 0) NOT VALID; ALTER TABLE a VALIDATE CONSTRAINT c;",
        "-- contract: unused since 0.0.9\nALTER TABLE products DROP COLUMN note;",
    ] {
        assert!(!Migration::of("0019_notes.sql", wrong).faults("").is_empty(), "{wrong}");
    }
    for wrong in ["DROP TABLE notes;", "-- contract: unused since 99.0.0\nDROP TABLE notes;"] {
        assert!(!Migration::of("0019_contract_notes.sql", wrong).faults("").is_empty(), "{wrong}");
    }
    for right in [
        "ALTER TABLE products ADD COLUMN note text; -- never DROP COLUMN",
        "ALTER TABLE products ADD COLUMN note text NOT NULL DEFAULT '';",
        "ALTER TABLE products ADD CONSTRAINT c CHECK (note <> '') NOT VALID;",
        "ALTER TABLE products ALTER COLUMN note SET NOT NULL;",
        "CREATE TABLE notes (id uuid); CREATE INDEX notes_id ON notes (id);",
        "-- no-transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS products_note ON products (note);",
        "-- no-transaction\nDROP INDEX CONCURRENTLY IF EXISTS products_note;",
    ] {
        let faults = Migration::of("0019_notes.sql", right).faults(validated);
        assert!(faults.is_empty(), "{right}: {faults:?}");
    }
    let contract = "-- contract: unused since 0.0.9\nALTER TABLE products DROP COLUMN note;";
    let faults = Migration::of("0019_contract_notes.sql", contract).faults("");
    assert!(faults.is_empty(), "{faults:?}");
}
