use deserr::Deserr;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{PolicyCode, TemplateInput, TemplateInputs};
use crate::{Actor, Given, Patch, PolicyId, TemplateId, Text};

/// What a policy is called.
pub type PolicyTitle = Text<1, 100>;
/// What a policy says; no longer than a reason, since each decision of a timeline shows it.
pub type PolicyText = Text<1, 2000>;
/// The category of the DSA's transparency database that a policy belongs to.
pub type DsaCategory = Text<1, 100>;

/// How bad it is to break a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Severity {
    /// A matter of form.
    Low,
    /// Worth a decision of its own.
    Medium,
    /// Dangerous or illegal.
    High,
}

impl Severity {
    /// Every severity.
    pub const ALL: [Self; 3] = [Self::Low, Self::Medium, Self::High];

    /// The name on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "LOW",
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
        }
    }
}

crate::input::named!(Severity);

/// What can be asked of a policy.
#[derive(Clone, Debug)]
pub enum PolicyCommand {
    /// Makes it.
    Create {
        /// Who.
        by: Actor,
        /// The policy.
        create: CreatePolicy,
        /// Ids for templates that have none, as many as that.
        ids: Vec<TemplateId>,
    },
    /// Changes it.
    Edit {
        /// Who.
        by: Actor,
        /// The changes.
        edit: EditPolicy,
        /// Ids for templates that have none, as many as that.
        ids: Vec<TemplateId>,
    },
    /// Takes it away; only one that nothing has named, which the append makes sure of.
    Delete {
        /// Who.
        by: Actor,
    },
}

/// Body of `POST /policies/`.
#[derive(Clone, Debug, PartialEq, Eq, Deserr, ToSchema)]
#[deserr(deny_unknown_fields)]
pub struct CreatePolicy {
    /// What people name it by, of capital letters, digits, dots, hyphens and underscores: unique, and never
    /// changed.
    #[schema(value_type = String, min_length = 1, max_length = 32)]
    pub code: PolicyCode,
    /// Its title.
    #[schema(value_type = String, min_length = 1, max_length = 100)]
    pub title: PolicyTitle,
    /// Its text.
    #[schema(value_type = String, min_length = 1, max_length = 2000)]
    pub text: PolicyText,
    /// How bad it is to break it.
    pub severity: Severity,
    /// The id of the policy that it is a part of, if it is.
    #[deserr(default)]
    #[schema(required = false)]
    pub parent: Option<PolicyId>,
    /// The category of the DSA's transparency database that it belongs to.
    #[deserr(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100, required = false)]
    pub dsa_category: Option<DsaCategory>,
    /// Texts that reasons are written from.
    #[deserr(default)]
    #[schema(value_type = Vec<TemplateInput>, max_items = 50, required = false)]
    pub templates: TemplateInputs,
}

/// Body of `PUT /policies/{id}/`.
#[derive(Clone, Debug, PartialEq, Eq, Deserr, ToSchema)]
#[deserr(deny_unknown_fields)]
pub struct ReplacePolicy {
    /// Its title.
    #[schema(value_type = String, min_length = 1, max_length = 100)]
    pub title: PolicyTitle,
    /// Its text.
    #[schema(value_type = String, min_length = 1, max_length = 2000)]
    pub text: PolicyText,
    /// How bad it is to break it.
    pub severity: Severity,
    /// The id of the policy that it is a part of, if it is.
    #[deserr(default)]
    #[schema(required = false)]
    pub parent: Option<PolicyId>,
    /// The category of the DSA's transparency database that it belongs to.
    #[deserr(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100, required = false)]
    pub dsa_category: Option<DsaCategory>,
    /// Texts that reasons are written from.
    #[deserr(default)]
    #[schema(value_type = Vec<TemplateInput>, max_items = 50, required = false)]
    pub templates: TemplateInputs,
    /// Whether decisions can no longer name it.
    #[deserr(default)]
    #[schema(required = false, default = false)]
    pub retired: bool,
}

/// Body of `PATCH /policies/{id}/`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserr, ToSchema)]
#[deserr(deny_unknown_fields)]
pub struct EditPolicy {
    /// A new title.
    #[deserr(default)]
    #[schema(value_type = String, min_length = 1, max_length = 100, required = false)]
    pub title: Given<PolicyTitle>,
    /// A new text.
    #[deserr(default)]
    #[schema(value_type = String, min_length = 1, max_length = 2000, required = false)]
    pub text: Given<PolicyText>,
    /// How bad it is to break it.
    #[deserr(default)]
    #[schema(value_type = Severity, required = false)]
    pub severity: Given<Severity>,
    /// The id of the policy that it is a part of from then on, or `null` for none.
    #[deserr(default)]
    #[schema(value_type = Option<PolicyId>, required = false)]
    pub parent: Patch<PolicyId>,
    /// Another category of the DSA's transparency database, or `null` for none.
    #[deserr(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100, required = false)]
    pub dsa_category: Patch<DsaCategory>,
    /// All templates that there are to be.
    #[deserr(default)]
    #[schema(value_type = Vec<TemplateInput>, max_items = 50, required = false)]
    pub templates: Given<TemplateInputs>,
    /// Whether decisions can no longer name it.
    #[deserr(default)]
    #[schema(value_type = bool, required = false)]
    pub retired: Given<bool>,
}

impl From<ReplacePolicy> for EditPolicy {
    fn from(whole: ReplacePolicy) -> Self {
        Self {
            title: Given(Some(whole.title)),
            text: Given(Some(whole.text)),
            severity: Given(Some(whole.severity)),
            parent: whole.parent.map_or(Patch::Clear, Patch::Set),
            dsa_category: whole.dsa_category.map_or(Patch::Clear, Patch::Set),
            templates: Given(Some(whole.templates)),
            retired: Given(Some(whole.retired)),
        }
    }
}
