//! How a page of a list is read, so that it costs the same however many rows there are.
//!
//! A list is a merge of parts that one index each has in the list's order. Where every filter is
//! in those indexes, that is all: the page is read from them, and nothing else. Conditions that no
//! index has in this order, such as words, are the rest. Then a bounded stretch of the merged
//! parts is looked through first, which fills the page where matches are common; where that did
//! not, they are rare, so all of them are gathered by the indexes of the conditions themselves and
//! sorted. What is common as a whole, and rare where the page begins, costs as much as there is of it.

use std::borrow::Cow;

use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgConnection, Postgres, QueryBuilder};
use uuid::Uuid;

use crate::ReadError;
use crate::scan::{Scan, Section};

/// Rows that are looked through first, times those of a page: enough where most rows match, and so few
/// that no planner sorts what an index has in order.
const FIRST_STRETCH: usize = 10;

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
pub(crate) type Part = Vec<Condition>;

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
    pub parts: Vec<Part>,
    /// What rows of the parts have to fulfil besides.
    pub rest: Part,
    /// Rows that are looked through at most before all matches are gathered. More would make rare matches
    /// dearer, fewer those that are neither rare nor common.
    pub stretch: usize,
    /// The same rows, parts and rest together, by conditions that fit any index.
    pub gathered: Vec<Part>,
}

impl Listing {
    /// The rows of a page, in the order of the scan.
    pub(crate) async fn fetch<T>(
        &self,
        conn: &mut PgConnection,
        scan: &Scan<'_>,
    ) -> Result<Vec<T>, ReadError>
    where
        T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        let mut rows = vec![];
        if self.parts.is_empty() {
            return Ok(rows);
        }
        for section in scan.sections() {
            if rows.len() < scan.rows() {
                rows.extend(self.section(conn, scan, section).await?);
            }
        }
        rows.truncate(scan.rows());
        Ok(rows)
    }

    async fn section<T>(
        &self,
        conn: &mut PgConnection,
        scan: &Scan<'_>,
        section: Section,
    ) -> Result<Vec<T>, ReadError>
    where
        T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        if self.rest.is_empty() {
            return Ok(self.direct(scan, section).build_query_as().fetch_all(conn).await?);
        }
        // How rare the matches are decides which plan is good, so none is kept.
        for stretch in self.stretches(scan) {
            let mut walk = self.walk(scan, section, stretch);
            let found = walk.build_query_as().persistent(false).fetch_all(&mut *conn).await?;
            if found.len() == scan.rows() {
                return Ok(found);
            }
        }
        let mut gather = self.gather(scan, section);
        Ok(gather.build_query_as().persistent(false).fetch_all(conn).await?)
    }

    /// How far the merged parts are looked through, one after the other.
    pub(crate) fn stretches(&self, scan: &Scan<'_>) -> [usize; 2] {
        [FIRST_STRETCH * scan.rows(), self.stretch]
    }

    /// The page, read from the merged parts.
    pub(crate) fn direct(&self, scan: &Scan<'_>, section: Section) -> Sql {
        let mut sql = self.begin();
        self.push_parts(&mut sql, scan, section, "", scan.rows());
        sql.push(format_args!(" p {}", self.joins));
        scan.push_order(&mut sql, section, scan.rows());
        sql
    }

    /// What a stretch of the merged parts has of the page. It ends once the page is full.
    pub(crate) fn walk(&self, scan: &Scan<'_>, section: Section, stretch: usize) -> Sql {
        let mut sql = self.begin();
        sql.push("(SELECT * FROM (SELECT * FROM ");
        self.push_parts(&mut sql, scan, section, self.needs, stretch);
        sql.push(" m");
        scan.push_order(&mut sql, section, stretch);
        sql.push(") s WHERE true");
        push_all(&mut sql, &self.rest);
        scan.push_order(&mut sql, section, scan.rows());
        sql.push(format_args!(") p {}", self.joins));
        scan.push_order(&mut sql, section, scan.rows());
        sql
    }

    /// The page, sorted from all that match. `OFFSET 0` keeps the planner from a walk in the order of
    /// the list.
    pub(crate) fn gather(&self, scan: &Scan<'_>, section: Section) -> Sql {
        let mut sql = self.begin();
        sql.push("(SELECT * FROM (");
        for (index, part) in self.gathered.iter().enumerate() {
            let before = if index == 0 { "(" } else { " UNION ALL (" };
            sql.push(before);
            self.push_select(&mut sql, part, "");
            scan.push_section(&mut sql, section);
            sql.push(" OFFSET 0)");
        }
        sql.push(") m");
        scan.push_order(&mut sql, section, scan.rows());
        sql.push(format_args!(") p {}", self.joins));
        scan.push_order(&mut sql, section, scan.rows());
        sql
    }

    fn begin(&self) -> Sql {
        QueryBuilder::new(format!("{} FROM ", self.select))
    }

    fn push_select(&self, sql: &mut Sql, part: &Part, needs: &str) {
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
