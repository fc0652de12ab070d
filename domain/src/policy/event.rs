use serde::{Deserialize, Serialize};
use strum::{EnumDiscriminants, IntoStaticStr, VariantNames};

use super::{DsaCategory, PolicyCode, PolicyText, PolicyTitle, Severity, Template};
use crate::{Change, PolicyId};

/// What happened to a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, EnumDiscriminants)]
#[strum_discriminants(
    name(PolicyEventType),
    derive(IntoStaticStr, VariantNames),
    doc = "The types of such events."
)]
pub enum PolicyEvent {
    /// It was made.
    PolicyCreated {
        /// As what.
        details: PolicyDetails,
    },
    /// It says something else from then on: all of what a decision shows stands in one event.
    PolicyReworded {
        /// Its code, which is the one that it always had.
        code: PolicyCode,
        /// What it said.
        from: PolicyWording,
        /// What it says.
        to: PolicyWording,
    },
    /// Something besides its wording was changed.
    PolicyEdited {
        /// From what to what.
        changes: PolicyChanges,
    },
    /// Decisions can't name it any more.
    PolicyRetired,
    /// Decisions can name it again.
    PolicyReinstated,
    /// It was taken away; nothing had ever named it.
    PolicyDeleted,
}

/// What a policy begins as.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyDetails {
    /// What people name it by.
    pub code: PolicyCode,
    /// What it says.
    #[serde(flatten)]
    pub wording: PolicyWording,
    /// How bad it is to break it.
    pub severity: Severity,
    /// The policy that it is a part of.
    pub parent: Option<PolicyId>,
    /// The category of the DSA's transparency database that it belongs to.
    pub dsa_category: Option<DsaCategory>,
    /// Texts that reasons are written from.
    pub templates: Vec<Template>,
}

/// What a policy says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyWording {
    /// Its title.
    pub title: PolicyTitle,
    /// Its text.
    pub text: PolicyText,
}

/// What an edit changed besides the wording; at least one member.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyChanges {
    /// The severity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Change<Severity>>,
    /// The policy that it is a part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Change<Option<PolicyId>>>,
    /// The category of the DSA.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dsa_category: Option<Change<Option<DsaCategory>>>,
    /// The templates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub templates: Option<Change<Vec<Template>>>,
}

impl PolicyDetails {
    pub(super) fn change(&mut self, changes: PolicyChanges) {
        if let Some(severity) = changes.severity {
            self.severity = severity.to;
        }
        if let Some(parent) = changes.parent {
            self.parent = parent.to;
        }
        if let Some(dsa_category) = changes.dsa_category {
            self.dsa_category = dsa_category.to;
        }
        if let Some(templates) = changes.templates {
            self.templates = templates.to;
        }
    }
}

/// None of them does.
impl crate::HoldsPersonal for PolicyEvent {
    fn personal(&mut self) -> Vec<(&'static str, &mut crate::Personal)> {
        vec![]
    }
}
