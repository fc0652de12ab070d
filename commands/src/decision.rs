//! Decisions on products, and the policies that they stand on.

use domain::policy::{CitedPolicy, wrong_policies};
use domain::product::{ApproveProduct, Product, ProductCommand, RejectProduct};
use domain::{FieldErrors, PolicyId, ProductId};

use crate::execute::Stream;
use crate::policy::{TRIES, note_use, stream_of};
use crate::references::refuse_wrong;
use crate::store::{Guard, Side};
use crate::{CommandError, Commands, Context, Done};

/// The policies of a decision, as they were found.
struct PoliciesToCite {
    /// Those that can be named, at their versions.
    cited: Vec<CitedPolicy>,
    wrong: FieldErrors,
}

impl Commands {
    /// Lets a product be ordered.
    pub async fn approve_product(
        &self,
        context: &Context,
        id: ProductId,
        approve: ApproveProduct,
    ) -> Result<Done, CommandError> {
        let (by, ApproveProduct { reason, policies }) = (context.actor(), approve);
        let command =
            move |policies| ProductCommand::Approve { by, reason: reason.clone(), policies };
        self.decide_by(context, id, (policies.0, false), command).await
    }

    /// Refuses a product; `policy_required` where the decision has to name a policy.
    pub async fn reject_product(
        &self,
        context: &Context,
        id: ProductId,
        reject: RejectProduct,
        policy_required: bool,
    ) -> Result<Done, CommandError> {
        let (by, RejectProduct { reason, policies }) = (context.actor(), reject);
        let command =
            move |policies| ProductCommand::Reject { by, reason: reason.clone(), policies };
        self.decide_by(context, id, (policies.0, policy_required), command).await
    }

    /// A decision counts only if every policy is at the version that it names; else all are looked up again.
    /// That one can't be named is a reason to look it up in the log.
    async fn decide_by(
        &self,
        context: &Context,
        id: ProductId,
        (named, at_least_one): (Vec<PolicyId>, bool),
        command: impl Fn(Vec<CitedPolicy>) -> ProductCommand + Clone + Send + Sync + 'static,
    ) -> Result<Done, CommandError> {
        for attempt in 0..TRIES {
            let fresh = attempt > 0;
            let PoliciesToCite { cited, mut wrong } = self.found_policies(&named, fresh).await?;
            let is_doubtful = !fresh && !wrong.is_empty();
            if at_least_one && named.is_empty() {
                wrong.add("policies", "Name at least one policy.");
            }
            let command = command(cited.clone());
            let prepare = move |product: &Product| {
                refuse_wrong(product, command.clone(), &wrong)?;
                Ok((command.clone(), standing_on(&cited)))
            };
            match self.execute_on(Stream::Known, context, id, prepare).await {
                Err(CommandError::Refused(_)) if is_doubtful => {}
                Err(CommandError::Conflict) if !named.is_empty() && attempt + 1 < TRIES => {}
                done => return done,
            }
        }
        Err(CommandError::Conflict)
    }

    async fn found_policies(
        &self,
        named: &[PolicyId],
        fresh: bool,
    ) -> Result<PoliciesToCite, CommandError> {
        let mut cited = Vec::with_capacity(named.len());
        for id in named {
            let policy = self.policy(*id, fresh).await?;
            if policy.aggregate.can_be_cited() {
                cited.push(CitedPolicy { id: *id, version: policy.version });
            }
        }
        let wrong = wrong_policies(named, |id| cited.iter().any(|policy| policy.id == id));
        Ok(PoliciesToCite { cited, wrong })
    }

    /// Which of these policies a decision can't name.
    pub(crate) async fn wrong_policies(
        &self,
        named: &[PolicyId],
    ) -> Result<FieldErrors, CommandError> {
        Ok(self.found_policies(named, true).await?.wrong)
    }
}

fn standing_on(cited: &[CitedPolicy]) -> Side {
    let guard = |policy: &CitedPolicy| Guard::StreamAt(stream_of(policy.id), policy.version);
    let ids: Vec<_> = cited.iter().map(|policy| policy.id).collect();
    let statements = if ids.is_empty() { vec![] } else { vec![note_use(&ids)] };
    Side { guards: cited.iter().map(guard).collect(), statements, ..Side::default() }
}
