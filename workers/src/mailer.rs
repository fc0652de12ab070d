//! The subscriber that tells people what happened: their account, and decisions on their products.

use async_trait::async_trait;
use commands::{CommandError, Commands};
use domain::product::ProductEventType as P;
use domain::product::{Product, ProductEvent};
use domain::user::UserEventType as U;
use domain::user::{Account, User, UserEvent};
use domain::{Actor, Event, EventType, Personal, ProductId, Recorded, SystemActor, UserId};
use identity::LinkHolder;
use pool::PgPool;
use projections::{DecisionPolicies, DecisionPolicy};
use time::Duration;
use url::Url;

use crate::mail::{Letter, Letters, MailSettings};
use crate::subscriber::{Failed, Handler};

/// Its name among subscribers and tasks.
pub(crate) const NAME: &str = "mailer";

const EVENTS: [EventType; 16] = [
    EventType::User(U::UserRegistered),
    EventType::User(U::RegistrationRepeated),
    EventType::User(U::ActivationRequested),
    EventType::User(U::EmailChangeRequested),
    EventType::User(U::EmailChanged),
    EventType::User(U::EmailRestored),
    EventType::User(U::PasswordResetRequested),
    EventType::User(U::PasswordReset),
    EventType::User(U::PasswordChanged),
    EventType::User(U::PersonErased),
    EventType::User(U::SecondFactorEnabled),
    EventType::User(U::SecondFactorDisabled),
    EventType::User(U::SecondFactorReset),
    EventType::User(U::RecoveryCodesReplaced),
    EventType::Product(P::ProductApproved),
    EventType::Product(P::ProductRejected),
];

/// As long as such links work, counted from the event; a dead link is not worth a mail.
const ACTIVATION: Duration = Duration::days(3);
const RESET: Duration = Duration::hours(1);
const UNDO: Duration = Duration::days(7);

/// Sends mails, each at least once and always under the same Message-ID.
pub(crate) struct Mailer {
    commands: Commands,
    pool: PgPool,
    mail: MailSettings,
}

impl Mailer {
    pub(crate) const fn new(commands: Commands, pool: PgPool, mail: MailSettings) -> Self {
        Self { commands, pool, mail }
    }

    fn home(&self) -> &Url {
        self.commands.links().public_url()
    }

    /// What there is to say; nothing where it no longer matters, or there is nobody to say it to.
    async fn letters(&self, event: &Recorded) -> Result<Vec<Letter>, Failed> {
        match &event.event {
            Event::User(of_user) => {
                let user = UserId::from_uuid(event.stream.id);
                let account = self.account(user, event.sequence).await?;
                let Some(account) = account else { return Ok(vec![]) };
                let letter = self.about_account(event, of_user, user, &account);
                Ok(letter.into_iter().chain(self.to_former(event, user, &account)).collect())
            }
            Event::Product(of_product) => {
                Ok(self.about_product(event, of_product).await?.into_iter().collect())
            }
            _ => Ok(vec![]),
        }
    }

    fn about_account(
        &self,
        event: &Recorded,
        of_user: &UserEvent,
        user: UserId,
        account: &Account,
    ) -> Option<Letter> {
        use UserEvent as E;
        let to = account.email.text()?;
        let letters = Letters::new(event, to, self.home());
        let links = self.commands.links();
        // A link is good on the access generation that it was asked for on.
        let generation = account.access_generation;
        let is_current = generation < event.sequence;
        let holder = |email| LinkHolder { user, email, generation };
        match of_user {
            // The operator activates what the operator makes.
            E::UserRegistered { .. } if event.actor() == Actor::System(SystemActor::Operator) => {
                None
            }
            E::UserRegistered { .. } | E::ActivationRequested => {
                let waits = !account.activated && !account.deactivated && works(event, ACTIVATION);
                let link = links.activation(holder(to), event.at);
                (waits && is_current).then(|| letters.activation(&link))
            }
            E::RegistrationRepeated => Some(letters.registration_repeated()),
            E::EmailChangeRequested { email } => {
                let waits = account.new_email.as_ref() == Some(email) && works(event, ACTIVATION);
                let to = email.text().filter(|_| waits)?;
                let letters = Letters::new(event, to, self.home());
                Some(letters.email_change(&links.email_change(holder(to), event.at)))
            }
            E::EmailChanged { email } => {
                Some(Letters::new(event, email.text()?, self.home()).email_changed())
            }
            E::EmailRestored { email, .. } => {
                Some(Letters::new(event, email.text()?, self.home()).email_restored())
            }
            E::PasswordResetRequested { .. } => {
                let link = links.password_reset(holder(to), event.at);
                (is_current && works(event, RESET)).then(|| letters.password_reset(&link))
            }
            E::PasswordReset | E::PasswordChanged => Some(letters.password_changed()),
            E::SecondFactorEnabled => Some(letters.second_factor("was set up")),
            E::SecondFactorDisabled => Some(letters.second_factor("was disabled")),
            E::SecondFactorReset => Some(letters.second_factor("was removed by an operator")),
            E::RecoveryCodesReplaced => {
                Some(letters.second_factor("got new recovery codes; the earlier ones are void"))
            }
            E::UserActivated
            | E::RoleChanged { .. }
            | E::UserDeactivated
            | E::UserReactivated
            | E::SessionEnded { .. }
            | E::AllSessionsEnded
            | E::PasswordChangeRequired
            | E::ErasureRequested
            | E::PersonErased => None,
        }
    }

    /// What the address is told that an account had until this event.
    fn to_former(&self, event: &Recorded, user: UserId, account: &Account) -> Option<Letter> {
        let change = event.sequence;
        let former = account.former_emails.iter().find(|former| former.change == change)?;
        let to = former.email.text()?;
        let holder = LinkHolder { user, email: to, generation: change };
        let undo = self.commands.links().undo_email_change(holder, event.at);
        works(event, UNDO).then(|| Letters::new(event, to, self.home()).email_moved(&undo))
    }

    async fn about_product(
        &self,
        event: &Recorded,
        of_product: &ProductEvent,
    ) -> Result<Option<Letter>, Failed> {
        use ProductEvent as E;
        let (approved, reason) = match of_product {
            E::ProductApproved { reason, .. } => (true, reason.as_ref()),
            E::ProductRejected { reason, .. } => (false, Some(reason)),
            E::ProductSubmitted { .. }
            | E::ProductEdited { .. }
            | E::VideoUploaded { .. }
            | E::VideoFinalized { .. }
            | E::VideoFailed { .. }
            | E::ProductReturnedToReview { .. }
            | E::ProductCancelled { .. }
            | E::ProductResubmitted { .. }
            | E::ProductDeleted { .. } => return Ok(None),
        };
        let id = ProductId::from_uuid(event.stream.id);
        let product = self.commands.recall::<Product>(id, event.sequence).await?;
        let Some(listing) = product.listing() else { return Ok(None) };
        let owner = self.account(listing.owner, 1).await?.filter(Account::is_active);
        let Some(to) = owner.as_ref().and_then(|owner| owner.email.text()) else { return Ok(None) };
        let letters = Letters::new(event, to, self.home()).with_recipient(listing.owner);
        let (name, reason) = (listing.details.name.as_str(), reason.and_then(Personal::text));
        let policies = self.policies(event, of_product).await?;
        let letter = if approved {
            letters.approved(name, &policies, reason)
        } else {
            letters.rejected(name, &policies, reason)
        };
        Ok(Some(letter))
    }

    /// The policies that a decision stands on, as they were then.
    async fn policies(
        &self,
        event: &Recorded,
        decision: &ProductEvent,
    ) -> Result<Vec<DecisionPolicy>, Failed> {
        if decision.policies().is_empty() {
            return Ok(vec![]);
        }
        let mut conn = self.pool.acquire().await.map_err(unread)?;
        let found = DecisionPolicies::of(&mut conn, std::slice::from_ref(event)).await;
        Ok(found.map_err(unread)?.shown(decision.policies()))
    }

    async fn account(&self, user: UserId, since: i64) -> Result<Option<Account>, Failed> {
        let user = self.commands.recall::<User>(user, since).await?;
        Ok(user.account().cloned())
    }
}

#[async_trait]
impl Handler for Mailer {
    fn name(&self) -> &'static str {
        NAME
    }

    fn events(&self) -> &'static [EventType] {
        &EVENTS
    }

    async fn handle(&self, event: &Recorded) -> Result<(), Failed> {
        if matches!(event.event, Event::User(UserEvent::PersonErased)) {
            return self.mail.forget(UserId::from_uuid(event.stream.id)).await;
        }
        let letters = self.letters(event).await?;
        // Before the first is sent: what is put off is sent again as a whole.
        let _places = self.mail.enter(&letters)?;
        for letter in letters {
            self.mail.send(&letter).await?;
        }
        Ok(())
    }

    async fn settle(&self) -> Result<(), Failed> {
        self.mail.settle().await
    }
}

/// Why the log could not be read.
fn unread(error: impl std::error::Error + Send + Sync + 'static) -> Failed {
    CommandError::Fault(Box::new(error)).into()
}

fn works(event: &Recorded, lifetime: Duration) -> bool {
    event.at + lifetime > identity::clock::now()
}
