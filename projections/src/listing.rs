//! How a page of a list is read, so that it costs the same however many rows there are.
//!
//! A list is a merge of parts that one index each has in the list's order. Where every filter is
//! in those indexes, that is all: the page is read from them, and nothing else. Conditions that no
//! index has in this order, such as words, are the rest. Then a few rows of the merged parts are
//! looked through first, which fills the page where matches are common. Where that did not,
//! PostgreSQL's planner says how many matches it expects: few are gathered by the indexes of the
//! conditions themselves and sorted. For many, a longer stretch of the merged parts is looked
//! through, and where that does not fill the page either, the page is short, and the next one goes on
//! where the stretch ended (AIP-158).

use std::borrow::Cow;

use pool::PgConnection;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Postgres, QueryBuilder, Row};
use uuid::Uuid;

use crate::ReadError;
use crate::plan::expected_rows;
use crate::scan::{Keyed, PageRows, Scan, Section};

/// Rows that are looked through first, times those of a page: enough where most rows match, and so few
/// that no planner sorts what an index has in order.
const FIRST_STRETCH: usize = 10;

/// Rows that are looked through at most, and rows of which all are gathered: each in some 10 ms. Matches
/// that are spread evenly fill a page of 20 up to 2,400,000 rows, whether there are more of them or fewer.
const LONGEST_STRETCH: usize = 5_000;
const MOST_GATHERED: f64 = 10_000.0;

/// Something that rows fulfil.
#[derive(Clone, Debug)]
pub(crate) enum Condition {
    /// As it stands.
    Sql(Cow<'static, str>),
    /// An operator on an id.
    Id(&'static str, Uuid),
    /// An operator on a text, with what follows it.
    Text(&'static str, String, &'static str),
    /// An operator on ids.
    Ids(&'static str, Vec<Uuid>),
}

impl Condition {
    pub(crate) const fn sql(text: &'static str) -> Self {
        Self::Sql(Cow::Borrowed(text))
    }

    /// A column that is one of an enumeration's names.
    pub(crate) fn named(column: &str, name: &'static str) -> Self {
        Self::Sql(format!("{column} = '{name}'").into())
    }

    fn push(&self, sql: &mut Sql) {
        match self {
            Self::Sql(text) => sql.push(text),
            Self::Id(before, id) => sql.push(before).push_bind(*id),
            Self::Text(before, text, after) => sql.push(before).push_bind(text.clone()).push(after),
            Self::Ids(before, ids) => sql.push(before).push_bind(ids.clone()),
        };
    }
}

type Sql = QueryBuilder<'static, Postgres>;

/// Rows by all of these conditions.
pub(crate) type Branch = Vec<Condition>;

/// A list, and the ways to read a page of it.
#[derive(Debug)]
pub(crate) struct Listing {
    /// The table.
    pub table: &'static str,
    /// What is read of it.
    pub columns: String,
    /// From `SELECT` on, up to the rows, which are called `p`.
    pub select: String,
    /// What they are joined with.
    pub joins: &'static str,
    /// Columns that the rest of the conditions needs besides.
    pub needs: &'static str,
    /// Parts that an index each has in order, by conditions that fit no other index.
    pub parts: Vec<Branch>,
    /// What rows of the parts have to fulfil besides.
    pub rest: Branch,
    /// The rows of parts and rest together, by conditions that fit any index.
    pub gathered: Vec<Branch>,
    /// Whether these have conditions besides words that may leave few rows.
    pub is_narrow: bool,
}

/// How matches are gathered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gathering {
    /// By whichever index the planner chooses.
    ByAnyIndex,
    /// By any but that of words.
    WithoutWords,
}

/// A row that was looked through.
struct Seen<T> {
    row: T,
    /// Whether it fulfils the rest of the conditions.
    matches: bool,
    /// Whether the stretch ends with it.
    is_last: bool,
}

impl<'r, T: FromRow<'r, PgRow>> FromRow<'r, PgRow> for Seen<T> {
    fn from_row(row: &'r PgRow) -> sqlx::Result<Self> {
        let (matches, is_last) = (row.try_get("matches")?, row.try_get("is_last")?);
        Ok(Self { row: T::from_row(row)?, matches, is_last })
    }
}

impl Listing {
    /// The rows of a page, in the order of the scan.
    pub(crate) async fn fetch<T>(
        &self,
        conn: &mut PgConnection,
        scan: &Scan<'_>,
    ) -> Result<PageRows<T>, ReadError>
    where
        T: for<'r> FromRow<'r, PgRow> + Keyed + Send + Unpin,
    {
        let mut found = PageRows::from(vec![]);
        if self.parts.is_empty() {
            return Ok(found);
        }
        for section in scan.sections() {
            if found.rows.len() < scan.rows() && found.ended.is_none() {
                let more = self.section(conn, scan, section).await?;
                found.rows.extend(more.rows);
                found.ended = more.ended;
            }
        }
        found.rows.truncate(scan.rows());
        Ok(found)
    }

    async fn section<T>(
        &self,
        conn: &mut PgConnection,
        scan: &Scan<'_>,
        section: Section,
    ) -> Result<PageRows<T>, ReadError>
    where
        T: for<'r> FromRow<'r, PgRow> + Keyed + Send + Unpin,
    {
        if self.rest.is_empty() {
            let rows: Vec<T> = self.direct(scan, section).build_query_as().fetch_all(conn).await?;
            return Ok(rows.into());
        }
        let [first, longest] = Self::stretches(scan);
        let found = self.look_through(conn, scan, section, first).await?;
        if found.is_complete(scan) {
            return Ok(found);
        }
        for by in self.ways() {
            let expected = expected_rows(conn, self.matches(section, scan, by), self.table).await?;
            if expected <= MOST_GATHERED {
                // How rare the matches are decides which plan is good, so none is kept.
                let mut gather = self.gather(scan, section, by);
                let rows: Vec<T> =
                    gather.build_query_as().persistent(false).fetch_all(conn).await?;
                return Ok(rows.into());
            }
        }
        self.look_through(conn, scan, section, longest).await
    }

    /// How matches may be gathered. Where the other conditions leave few rows, the index of words, which
    /// lists the rows of everybody, would only be in the way.
    fn ways(&self) -> impl Iterator<Item = Gathering> {
        let narrow = self.is_narrow.then_some(Gathering::WithoutWords);
        narrow.into_iter().chain([Gathering::ByAnyIndex])
    }

    /// What a stretch has.
    pub(crate) async fn look_through<T>(
        &self,
        conn: &mut PgConnection,
        scan: &Scan<'_>,
        section: Section,
        stretch: usize,
    ) -> Result<PageRows<T>, ReadError>
    where
        T: for<'r> FromRow<'r, PgRow> + Keyed + Send + Unpin,
    {
        let mut walk = self.walk(scan, section, stretch);
        // A kept plan would read the words again for each row.
        let seen: Vec<Seen<T>> = walk.build_query_as().persistent(false).fetch_all(conn).await?;
        let last = seen.last().filter(|seen| seen.is_last);
        let ended = last.map(|seen| seen.row.key(scan.sorted_by()));
        let rows = seen.into_iter().filter(|seen| seen.matches).map(|seen| seen.row).collect();
        Ok(PageRows { rows, ended })
    }

    /// How far the merged parts are looked through: first, and at most.
    pub(crate) fn stretches(scan: &Scan<'_>) -> [usize; 2] {
        [FIRST_STRETCH * scan.rows(), LONGEST_STRETCH]
    }

    /// The page, read from the merged parts.
    pub(crate) fn direct(&self, scan: &Scan<'_>, section: Section) -> Sql {
        let mut sql = self.begin();
        self.push_parts(&mut sql, scan, section, "", scan.rows());
        sql.push(format_args!(" p {}", self.joins));
        scan.push_order(&mut sql, section, scan.rows());
        sql
    }

    /// What a stretch of the merged parts has of the page, with its last row, whether that matches or not.
    /// It ends once the page is full.
    pub(crate) fn walk(&self, scan: &Scan<'_>, section: Section, stretch: usize) -> Sql {
        let mut sql = QueryBuilder::new(format!("{}, p.matches, p.is_last FROM ", self.select));
        sql.push("(SELECT * FROM (SELECT *, coalesce(true");
        push_all(&mut sql, &self.rest);
        sql.push(", false) AS matches, row_number() OVER (");
        scan.push_sort(&mut sql, section);
        sql.push(format_args!(") = {stretch} AS is_last FROM (SELECT * FROM "));
        self.push_parts(&mut sql, scan, section, self.needs, stretch);
        sql.push(" m");
        scan.push_order(&mut sql, section, stretch);
        sql.push(") s) w WHERE matches OR is_last");
        scan.push_order(&mut sql, section, scan.rows());
        sql.push(format_args!(") p {}", self.joins));
        scan.push_order(&mut sql, section, scan.rows());
        sql
    }

    /// The page, sorted from all that match.
    pub(crate) fn gather(&self, scan: &Scan<'_>, section: Section, by: Gathering) -> Sql {
        let mut sql = self.begin();
        sql.push("(SELECT * FROM (");
        self.push_matches(&mut sql, (scan, section), by, &self.columns);
        sql.push(") m");
        scan.push_order(&mut sql, section, scan.rows());
        sql.push(format_args!(") p {}", self.joins));
        scan.push_order(&mut sql, section, scan.rows());
        sql
    }

    /// All that match, of which only their number is of interest.
    fn matches(&self, section: Section, scan: &Scan<'_>, by: Gathering) -> Sql {
        let mut sql = QueryBuilder::new("");
        self.push_matches(&mut sql, (scan, section), by, "created_position");
        sql
    }

    /// `OFFSET 0` keeps the planner from a walk in the order of the list.
    fn push_matches(
        &self,
        sql: &mut Sql,
        (scan, section): (&Scan<'_>, Section),
        by: Gathering,
        columns: &str,
    ) {
        for (index, part) in self.gathered.iter().enumerate() {
            sql.push(if index == 0 { "(" } else { " UNION ALL (" });
            sql.push(format_args!("SELECT {columns} FROM {} WHERE true", self.table));
            for condition in part {
                sql.push(" AND ");
                match (by, condition) {
                    // What is compared with true fits no index.
                    (Gathering::WithoutWords, Condition::Text(..)) => {
                        sql.push("(");
                        condition.push(sql);
                        sql.push(") IS TRUE");
                    }
                    _ => condition.push(sql),
                }
            }
            scan.push_section(sql, section);
            sql.push(" OFFSET 0)");
        }
    }

    fn begin(&self) -> Sql {
        QueryBuilder::new(format!("{} FROM ", self.select))
    }

    fn push_select(&self, sql: &mut Sql, part: &Branch, needs: &str) {
        sql.push(format_args!("SELECT {}{needs} FROM {} WHERE true", self.columns, self.table));
        push_all(sql, part);
    }

    fn push_parts(
        &self,
        sql: &mut Sql,
        scan: &Scan<'_>,
        section: Section,
        needs: &str,
        limit: usize,
    ) {
        for (index, part) in self.parts.iter().enumerate() {
            sql.push(if index == 0 { "((" } else { " UNION ALL (" });
            self.push_select(sql, part, needs);
            scan.push_section(sql, section);
            scan.push_order(sql, section, limit);
            sql.push(")");
        }
        sql.push(")");
    }
}

fn push_all(sql: &mut Sql, conditions: &[Condition]) {
    for condition in conditions {
        sql.push(" AND ");
        condition.push(sql);
    }
}
