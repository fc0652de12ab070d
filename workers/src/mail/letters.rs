//! What mails say. One function per kind; the words are all here.

use domain::{Recorded, UserId};
use projections::DecisionPolicy;
use time::UtcOffset;
use time::macros::format_description;
use url::Url;
use uuid::Uuid;

use super::Letter;
use super::letter::Block;

/// Writes letters about one event to one address.
pub(crate) struct Letters<'a> {
    event: &'a Recorded,
    recipient: UserId,
    to: &'a str,
    home: &'a Url,
}

impl<'a> Letters<'a> {
    /// Letters to the account that the event is of.
    pub(crate) const fn new(event: &'a Recorded, to: &'a str, home: &'a Url) -> Self {
        Self { event, recipient: UserId::from_uuid(event.stream.id), to, home }
    }

    /// These letters to another account than the one that the event is of.
    pub(crate) const fn with_recipient(self, recipient: UserId) -> Self {
        Self { recipient, ..self }
    }

    /// A new account, or another mail for one that still waits.
    pub(crate) fn activation(&self, link: &Url) -> Letter {
        self.write(
            "Confirm your e-mail address",
            vec![
                says("Somebody, hopefully you, registered this address. Confirm it before you sign in."),
                opens("Confirm my address", link),
                says("The link works for 3 days."),
                says("If it was not you, ignore this mail: nobody can sign in without the link."),
            ],
        )
    }

    /// No link that activates: it would confirm the password of the first person who registered.
    pub(crate) fn registration_repeated(&self) -> Letter {
        self.write(
            "You already have an account",
            vec![
                says("Somebody, maybe you, tried to register this address again. It has an account already, and nothing about it was changed."),
                says("If it was you, sign in with your password, or request a new one if you have forgotten it."),
                opens("Sign in", self.home),
                says("If it was not you, there is nothing to do."),
            ],
        )
    }

    pub(crate) fn email_change(&self, link: &Url) -> Letter {
        self.write(
            "Confirm your new e-mail address",
            vec![
                says("Somebody, hopefully you, asked to use this address for their account. The change takes effect once you confirm it."),
                opens("Use this address", link),
                says("The link works for 3 days. If it was not you, ignore this mail."),
            ],
        )
    }

    pub(crate) fn email_changed(&self) -> Letter {
        self.write(
            "Your e-mail address was changed",
            vec![
                says(&format!("Since {} your account uses this address.", self.when())),
                says("Sign in with it from now on."),
                opens("Sign in", self.home),
            ],
        )
    }

    /// To the address that the account had until then.
    pub(crate) fn email_moved(&self, undo: &Url) -> Letter {
        let letter = self.write(
            "Your account uses another e-mail address now",
            vec![
                says(&format!(
                    "On {} your account was moved from this address to another one.",
                    self.when()
                )),
                says("If it was not you, restore this address within 7 days. That ends all sessions and the current password: request a new password afterwards."),
                opens("Restore this address", undo),
                says("If it was you, there is nothing to do."),
            ],
        );
        Letter { event: Uuid::new_v5(&letter.event, b"former address"), ..letter }
    }

    pub(crate) fn email_restored(&self) -> Letter {
        self.write(
            "Your e-mail address was restored",
            vec![
                says(&format!(
                    "Since {} your account uses this address again, and every session has ended.",
                    self.when()
                )),
                says("The former password no longer works, as somebody else may know it: request a new one."),
                opens("Sign in", self.home),
            ],
        )
    }

    pub(crate) fn password_reset(&self, link: &Url) -> Letter {
        self.write(
            "Set a new password",
            vec![
                says("Somebody, hopefully you, asked for a new password for your account."),
                opens("Set a new password", link),
                says("The link works once, for one hour."),
                says("If it was not you, ignore this mail: your password stays unchanged."),
            ],
        )
    }

    pub(crate) fn password_changed(&self) -> Letter {
        self.write(
            "Your password was changed",
            vec![
                says(&format!(
                    "Your password was changed on {}, and all other sessions ended.",
                    self.when()
                )),
                says(
                    "If it was not you, somebody else has access to your account: request a new password at once.",
                ),
                opens("Sign in", self.home),
            ],
        )
    }

    /// `what` ends the sentence "the second factor of your account …".
    pub(crate) fn second_factor(&self, what: &str) -> Letter {
        self.write(
            "The second factor of your account was changed",
            vec![
                says(&format!("On {} the second factor of your account {what}.", self.when())),
                says("If it was not you, somebody else has access to your account: set a new password at once."),
                opens("Sign in", self.home),
            ],
        )
    }

    pub(crate) fn approved(
        &self,
        product: &str,
        policies: &[DecisionPolicy],
        reason: Option<&str>,
    ) -> Letter {
        let mut blocks = vec![says(&format!(
            "Your product “{product}” was approved on {} and can be ordered now.",
            self.when()
        ))];
        blocks.extend(grounds(policies, reason));
        blocks.push(opens("See your products", self.home));
        self.write(&format!("Approved: {product}"), blocks)
    }

    pub(crate) fn rejected(
        &self,
        product: &str,
        policies: &[DecisionPolicy],
        reason: Option<&str>,
    ) -> Letter {
        let mut blocks =
            vec![says(&format!("Your product “{product}” was rejected on {}.", self.when()))];
        blocks.extend(grounds(policies, reason));
        blocks.push(says("You can edit it, which puts it back to review."));
        blocks.push(opens("See your products", self.home));
        self.write(&format!("Rejected: {product}"), blocks)
    }

    fn write(&self, subject: &str, mut blocks: Vec<Block>) -> Letter {
        let host = self.home.host_str().unwrap_or_default();
        blocks.push(says(&format!("Vetted, {host}. Replies to this mail are not read.")));
        Letter {
            event: self.event.event_id,
            at: self.event.at,
            recipient: self.recipient,
            to: self.to.to_owned(),
            subject: subject.to_owned(),
            blocks,
        }
    }

    fn when(&self) -> String {
        let format =
            format_description!("[day padding:none] [month repr:long] [year], [hour]:[minute] UTC");
        // Nothing in that format can be missing from a time.
        self.event.at.to_offset(UtcOffset::UTC).format(format).unwrap_or_default()
    }
}

/// What a decision stands on: the policies as they were then, and what the moderator wrote.
fn grounds(policies: &[DecisionPolicy], reason: Option<&str>) -> Vec<Block> {
    let rule = |DecisionPolicy { code, title, text, .. }: &DecisionPolicy| {
        [says(&format!("It stands on our policy {code}, “{title}”:")), Block::Quote(text.clone())]
    };
    let wrote =
        reason.map(|reason| [says("The moderator wrote:"), Block::Quote(reason.to_owned())]);
    policies.iter().flat_map(rule).chain(wrote.into_iter().flatten()).collect()
}

fn says(text: &str) -> Block {
    Block::Says(text.to_owned())
}

fn opens(label: &'static str, url: &Url) -> Block {
    Block::Link { label, url: url.to_string() }
}
