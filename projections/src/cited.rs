//! Policies as they were when decisions named them: read from the log, where every wording still is.

use std::collections::HashMap;

use domain::policy::{CitedPolicy, PolicyCode, PolicyEvent, PolicyEventType, PolicyWording};
use domain::product::ProductEvent;
use domain::{EventType, PolicyId, Recorded, StreamEvent as _, StreamType};
use pool::PgConnection;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::ReadError;

/// The events that say all of a policy's wording.
const WORDINGS: [EventType; 2] = [
    EventType::Policy(PolicyEventType::PolicyCreated),
    EventType::Policy(PolicyEventType::PolicyReworded),
];

/// A policy as it was when a decision named it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct DecisionPolicy {
    /// The policy's id.
    pub id: PolicyId,
    /// Its version when the decision was made.
    pub version: i64,
    /// Its code.
    pub code: String,
    /// Its title at that version.
    pub title: String,
    /// Its text at that version.
    pub text: String,
}

/// The policies that some decisions name, as they were then.
#[derive(Debug, Default)]
pub struct DecisionPolicies(HashMap<CitedPolicy, DecisionPolicy>);

impl DecisionPolicies {
    /// Those that these events name.
    pub async fn of(conn: &mut PgConnection, recorded: &[Recorded]) -> Result<Self, ReadError> {
        let decisions = recorded.iter().filter_map(|recorded| ProductEvent::of(&recorded.event));
        let mut cited: Vec<_> = decisions.flat_map(ProductEvent::policies).copied().collect();
        cited.sort_unstable_by_key(|policy| (policy.id, policy.version));
        cited.dedup();
        if cited.is_empty() {
            return Ok(Self::default());
        }
        let places: Vec<_> =
            cited.iter().map(|policy| (policy.id.uuid(), 0, policy.version + 1)).collect();
        let wordings = log::last_between(conn, StreamType::Policy, &places, &WORDINGS, 1).await?;
        let mut versions: HashMap<Uuid, Vec<&Recorded>> = HashMap::new();
        for wording in &wordings {
            versions.entry(wording.stream.id).or_default().push(wording);
        }
        let shown = |cited: CitedPolicy| {
            let versions = versions.get(&cited.id.uuid())?.iter().rev();
            let last = versions.copied().find(|wording| wording.sequence <= cited.version)?;
            Some((cited, shown(cited, last)?))
        };
        Ok(Self(cited.into_iter().filter_map(shown).collect()))
    }

    /// These policies, in the order in which the decision names them.
    pub fn shown(&self, cited: &[CitedPolicy]) -> Vec<DecisionPolicy> {
        cited.iter().filter_map(|policy| self.0.get(policy)).cloned().collect()
    }
}

fn shown(CitedPolicy { id, version }: CitedPolicy, recorded: &Recorded) -> Option<DecisionPolicy> {
    let (code, PolicyWording { title, text }) = wording(PolicyEvent::of(&recorded.event)?)?;
    let (code, title, text) = (code.to_string(), title.to_string(), text.to_string());
    Some(DecisionPolicy { id, version, code, title, text })
}

fn wording(event: &PolicyEvent) -> Option<(&PolicyCode, &PolicyWording)> {
    match event {
        PolicyEvent::PolicyCreated { details } => Some((&details.code, &details.wording)),
        PolicyEvent::PolicyReworded { code, to, .. } => Some((code, to)),
        PolicyEvent::PolicyEdited { .. }
        | PolicyEvent::PolicyRetired
        | PolicyEvent::PolicyReinstated
        | PolicyEvent::PolicyDeleted => None,
    }
}
