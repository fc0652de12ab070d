//! Commands on policies: their codes are unique, they stand below one another, and what has been named stays.

use domain::policy::{
    Ancestors, CreatePolicy, EditPolicy, MAX_ANCESTORS, Policy, PolicyCode, PolicyCommand,
    TemplateInputs,
};
use domain::{
    FieldErrors, Patch, PolicyId, Refusal, RefusalKind, StreamId, StreamType, TemplateId,
};
use pool::Statement;
use uuid::Uuid;

use crate::execute::Stream;
use crate::references::refuse_wrong;
use crate::store::{Condition, Guard, Loaded, NameClaim, Side, Unmet};
use crate::{CommandError, Commands, Context, Done, Made, Reservation};

/// Tries of a command that names policies which keep changing.
pub(crate) const TRIES: usize = 5;

impl Commands {
    /// Makes a policy.
    pub async fn create_policy(
        &self,
        context: &Context,
        create: CreatePolicy,
    ) -> Result<Made<PolicyId>, CommandError> {
        let (id, by) = (PolicyId::from_uuid(Uuid::now_v7()), context.actor());
        let (parent, ids) = (create.parent, new_ids(create.templates.without_id()));
        let code = claim(&create.code);
        let create = PolicyCommand::Create { by, create, ids };
        let side = move |_: &Policy| Side { claim: Some(code.clone()), ..Side::default() };
        let done = self.below(context, (Stream::New, id), parent, create, side).await?;
        Ok(Made { id, done })
    }

    /// Changes a policy.
    pub async fn edit_policy(
        &self,
        context: &Context,
        id: PolicyId,
        edit: EditPolicy,
    ) -> Result<Done, CommandError> {
        let parent = match edit.parent {
            Patch::Set(parent) => Some(parent),
            Patch::Keep | Patch::Clear => None,
        };
        let ids = new_ids(edit.templates.0.as_ref().map_or(0, TemplateInputs::without_id));
        let edit = PolicyCommand::Edit { by: context.actor(), edit, ids };
        self.below(context, (Stream::Known, id), parent, edit, |_| Side::default()).await
    }

    /// Takes a policy away that nothing has ever named.
    pub async fn delete_policy(
        &self,
        context: &Context,
        id: PolicyId,
    ) -> Result<Done, CommandError> {
        let by = context.actor();
        self.execute_with::<Policy, _>(context, id, move |policy| {
            let conditions = policy.code().map(|code| is_unused(id, code)).into_iter().collect();
            Ok((PolicyCommand::Delete { by }, Side { conditions, ..Side::default() }))
        })
        .await
    }

    /// A command that may put a policy below another: it counts only if all that stand above are as they were
    /// when they were looked up, and nothing stands below. Where one changed in between, all are looked up again.
    /// Where the policy stands there already, none of it matters.
    async fn below(
        &self,
        context: &Context,
        (stream, id): (Stream, PolicyId),
        parent: Option<PolicyId>,
        command: PolicyCommand,
        side: impl Fn(&Policy) -> Side + Clone + Send + Sync + 'static,
    ) -> Result<Done, CommandError> {
        for attempt in 0..TRIES {
            let fresh = attempt > 0;
            let (ancestors, guards) = self.ancestors(parent, fresh).await?;
            let wrong = ancestors.wrong_for(id);
            let is_doubtful = !fresh && !wrong.is_empty();
            let (command, side) = (command.clone(), side.clone());
            let prepare = move |policy: &Policy| {
                let moved_below = parent.filter(|parent| policy.parent() != Some(*parent));
                let wrong = moved_below.map(|_| wrong.clone()).unwrap_or_default();
                refuse_wrong(policy, command.clone(), &wrong)?;
                let mut side = side(policy);
                if let Some(parent) = moved_below {
                    side.guards.extend(guards.iter().cloned());
                    side.statements.push(note_parent(parent));
                    side.conditions.extend(policy.code().map(|code| is_no_parent(id, code)));
                }
                Ok((command.clone(), side))
            };
            match self.execute_on(stream, context, id, prepare).await {
                Err(CommandError::Refused(_)) if is_doubtful => {}
                Err(CommandError::Conflict) if attempt + 1 < TRIES => {}
                done => return done,
            }
        }
        Err(CommandError::Conflict)
    }

    /// What stands above a policy with this parent, and that it still does.
    async fn ancestors(
        &self,
        parent: Option<PolicyId>,
        fresh: bool,
    ) -> Result<(Ancestors, Vec<Guard>), CommandError> {
        let (mut found, mut guards, mut next) = (Ancestors::default(), vec![], parent);
        while let Some(id) = next
            && found.ids.len() <= MAX_ANCESTORS
        {
            let policy = self.policy(id, fresh).await?;
            found.missing = !policy.aggregate.exists();
            if found.missing {
                break;
            }
            found.ids.push(id);
            guards.push(Guard::StreamAt(stream_of(id), policy.version));
            next = policy.aggregate.parent();
        }
        Ok((found, guards))
    }

    /// A policy as this process last saw it, or `fresh` from the log.
    pub(crate) async fn policy(
        &self,
        id: PolicyId,
        fresh: bool,
    ) -> Result<Loaded<Policy>, CommandError> {
        let store = &self.parts.store;
        Ok(if fresh { store.load_afresh(id).await? } else { store.load(id).await? })
    }

    /// What is wrong with a parent, whatever it is to stand above.
    pub(crate) async fn wrong_parent(&self, parent: PolicyId) -> Result<FieldErrors, CommandError> {
        let missing = !self.policy(parent, true).await?.aggregate.exists();
        let found = Ancestors { ids: vec![], missing };
        Ok(found.wrong_for(parent))
    }
}

pub(crate) const fn stream_of(id: PolicyId) -> StreamId {
    StreamId { kind: StreamType::Policy, id: id.uuid() }
}

/// Notes that these policies have been named, so that they stay.
pub(crate) fn note_use(policies: &[PolicyId]) -> Statement {
    let ids: Vec<_> = policies.iter().map(|policy| policy.uuid()).collect();
    let note =
        "INSERT INTO policy_uses (policy_id) SELECT unnest($1::uuid[]) ON CONFLICT DO NOTHING";
    Statement::new(note).bind(ids)
}

/// Notes that a policy stands above another, so that it stays where it is.
fn note_parent(policy: PolicyId) -> Statement {
    let note = "INSERT INTO policy_uses (policy_id, as_parent) VALUES ($1, true)
                ON CONFLICT (policy_id) DO UPDATE SET as_parent = true WHERE NOT policy_uses.as_parent";
    Statement::new(note).bind(policy.uuid())
}

/// Holds the code of a policy that nothing has ever stood below: what does would come to stand too deep.
fn is_no_parent(id: PolicyId, code: &PolicyCode) -> Condition {
    let held = "UPDATE reservations SET owner = owner WHERE kind = $1 AND name = $2 AND owner = $3
                AND NOT EXISTS (SELECT FROM policy_uses WHERE policy_id = $3 AND as_parent)";
    let statement = Statement::new(held)
        .bind(Reservation::PolicyCode.kind())
        .bind(code.as_str())
        .bind(id.uuid());
    let message = "Other policies stand below this one, or have: it can stand below none itself.";
    let unmet = Unmet::Refused(FieldErrors::one("parent", message).into());
    Condition { statement, unmet }
}

/// Frees the code of a policy that nothing has named; under the log's lock it stays so.
fn is_unused(id: PolicyId, code: &PolicyCode) -> Condition {
    let free = "DELETE FROM reservations WHERE kind = $1 AND name = $2 AND owner = $3
                AND NOT EXISTS (SELECT FROM policy_uses WHERE policy_id = $3)";
    let statement = Statement::new(free)
        .bind(Reservation::PolicyCode.kind())
        .bind(code.as_str())
        .bind(id.uuid());
    let unmet = Unmet::Refused(Refusal {
        kind: RefusalKind::Conflict,
        code: "policy_in_use",
        detail: "A decision or another policy has named this policy, so it stays: retire it by PATCH with \
                 retired true."
            .to_owned(),
    });
    Condition { statement, unmet }
}

fn claim(code: &PolicyCode) -> NameClaim {
    NameClaim { reservation: Reservation::PolicyCode, name: code.to_string() }
}

fn new_ids(count: usize) -> Vec<TemplateId> {
    std::iter::repeat_with(|| TemplateId::from_uuid(Uuid::now_v7())).take(count).collect()
}
