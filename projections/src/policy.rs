//! The rules of the marketplace.

use domain::policy::{
    PolicyChanges, PolicyDetails, PolicyEvent, PolicyWording, Severity, Template,
};
use domain::{PolicyId, Recorded};
use pool::PgPool;
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use sqlx::{FromRow, QueryBuilder};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::scan::{Keyed, Scan, Section};
use crate::{Fold, Key, Ordering, Page, ReadError, Slice, SortBy, Table};

/// A row of `policies`.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, Deserialize)]
pub struct PolicyRow {
    /// Which policy.
    #[sqlx(try_from = "Uuid")]
    pub id: PolicyId,
    /// What people name it by.
    pub code: String,
    /// Its title.
    pub title: String,
    /// Its text.
    pub text: String,
    /// How bad it is to break it.
    #[sqlx(try_from = "String")]
    pub severity: Severity,
    /// The policy that it is a part of.
    pub parent: Option<Uuid>,
    /// The category of the DSA's transparency database that it belongs to.
    pub dsa_category: Option<String>,
    /// Texts that reasons are written from.
    pub templates: Json<Vec<Template>>,
    /// Whether decisions can no longer name it.
    pub retired: bool,
    /// The stream's sequence.
    pub version: i64,
    /// When it was created.
    #[serde(with = "crate::timestamp")]
    pub created_at: OffsetDateTime,
    /// When it last was changed.
    #[serde(with = "crate::timestamp")]
    pub updated_at: OffsetDateTime,
    /// The position of its first event.
    pub created_position: i64,
}

/// A policy.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Policy {
    /// The policy's id.
    pub id: PolicyId,
    /// What people name it by: unique, and never changed.
    pub code: String,
    /// Its title.
    pub title: String,
    /// Its text.
    pub text: String,
    /// How bad it is to break it.
    pub severity: Severity,
    /// The id of the policy that it is a part of.
    pub parent: Option<PolicyId>,
    /// The category of the DSA's transparency database that it belongs to.
    pub dsa_category: Option<String>,
    /// Texts that reasons are written from.
    pub templates: Vec<Template>,
    /// Whether decisions can no longer name it.
    pub retired: bool,
    /// Its version: counts its events.
    pub version: i64,
    /// When it was made.
    #[serde(with = "crate::timestamp")]
    pub created_at: OffsetDateTime,
    /// When it last was changed.
    #[serde(with = "crate::timestamp")]
    pub updated_at: OffsetDateTime,
}

impl Fold for PolicyRow {
    type Event = PolicyEvent;

    const TABLE: Table = Table::new(
        "policies",
        1,
        &[
            "id",
            "code",
            "title",
            "text",
            "severity",
            "parent",
            "dsa_category",
            "templates",
            "retired",
            "version",
            "created_at",
            "updated_at",
            "created_position",
        ],
    );

    fn fold(row: Option<Self>, event: &PolicyEvent, recorded: &Recorded) -> Option<Self> {
        use PolicyEvent as E;
        if let E::PolicyCreated { details } = event {
            return Some(Self::created(recorded, details));
        }
        let mut row = row?;
        match event {
            E::PolicyCreated { .. } => {}
            E::PolicyReworded { to, .. } => row.reword(to),
            E::PolicyEdited { changes } => row.change(changes),
            E::PolicyRetired => row.retired = true,
            E::PolicyReinstated => row.retired = false,
            E::PolicyDeleted => return None,
        }
        row.version = recorded.sequence;
        row.updated_at = recorded.at;
        Some(row)
    }

    fn key(&self) -> Uuid {
        self.id.uuid()
    }
}

impl PolicyRow {
    fn created(recorded: &Recorded, details: &PolicyDetails) -> Self {
        Self {
            id: PolicyId::from_uuid(recorded.stream.id),
            code: details.code.to_string(),
            title: details.wording.title.to_string(),
            text: details.wording.text.to_string(),
            severity: details.severity,
            parent: details.parent.map(PolicyId::uuid),
            dsa_category: details.dsa_category.as_ref().map(ToString::to_string),
            templates: Json(details.templates.clone()),
            retired: false,
            version: recorded.sequence,
            created_at: recorded.at,
            updated_at: recorded.at,
            created_position: recorded.position,
        }
    }

    fn reword(&mut self, to: &PolicyWording) {
        self.title = to.title.to_string();
        self.text = to.text.to_string();
    }

    fn change(&mut self, changes: &PolicyChanges) {
        if let Some(severity) = &changes.severity {
            self.severity = severity.to;
        }
        if let Some(parent) = &changes.parent {
            self.parent = parent.to.map(PolicyId::uuid);
        }
        if let Some(dsa_category) = &changes.dsa_category {
            self.dsa_category = dsa_category.to.as_ref().map(ToString::to_string);
        }
        if let Some(templates) = &changes.templates {
            self.templates = Json(templates.to.clone());
        }
    }
}

impl From<PolicyRow> for Policy {
    fn from(row: PolicyRow) -> Self {
        Self {
            id: row.id,
            code: row.code,
            title: row.title,
            text: row.text,
            severity: row.severity,
            parent: row.parent.map(PolicyId::from_uuid),
            dsa_category: row.dsa_category,
            templates: row.templates.0,
            retired: row.retired,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

impl Keyed for PolicyRow {
    fn key(&self, _: SortBy) -> Key {
        Key::Position(self.created_position)
    }
}

/// Finds and lists policies; everybody who is signed in sees all.
#[derive(Clone, Debug)]
pub struct Policies(pub PgPool);

impl Policies {
    /// One policy.
    pub async fn find(&self, id: PolicyId) -> Result<Option<PolicyRow>, ReadError> {
        let columns = PolicyRow::TABLE.column_list();
        let sql = format!("SELECT {columns} FROM policies WHERE id = $1");
        Ok(sqlx::query_as(&sql).bind(id.uuid()).fetch_optional(&self.0).await?)
    }

    /// A page of them, newest first: those that are retired, or are not, where that is asked.
    pub async fn list(
        &self,
        retired: Option<bool>,
        page: &Page,
    ) -> Result<Slice<PolicyRow>, ReadError> {
        let scan = Scan::try_new(page, Ordering::NEWEST)?;
        let columns = PolicyRow::TABLE.column_list();
        let mut sql = QueryBuilder::new(format!("SELECT {columns} FROM policies WHERE true"));
        if let Some(retired) = retired {
            sql.push(" AND retired = ").push_bind(retired);
        }
        scan.push_after(&mut sql);
        scan.push_order(&mut sql, Section::Whole, scan.rows());
        Ok(scan.slice(sql.build_query_as().fetch_all(&self.0).await?.into()))
    }
}
