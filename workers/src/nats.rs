//! What the stream, its subjects and its messages are called.

/// The header that says where in the log a message's event is.
pub(crate) const POSITION: &str = "Vetted-Position";

/// Names on NATS, behind a prefix that keeps installations and tests apart.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    prefix: String,
}

impl Names {
    pub(crate) fn new(prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into() }
    }

    /// The JetStream stream; dots may stand in subjects only.
    pub(crate) fn stream(&self) -> String {
        format!("{}VETTED_EVENTS", self.word().to_uppercase())
    }

    /// Every subject of the stream.
    pub(crate) fn all_subjects(&self) -> String {
        format!("{}vetted.>", self.prefix)
    }

    /// The subject of one type of event.
    pub(crate) fn subject(&self, stream: &str, event: &str) -> String {
        format!("{}vetted.{stream}.{event}", self.prefix)
    }

    /// The subject of how far videos are: no part of the stream.
    pub(crate) fn progress(&self) -> String {
        format!("{}vetted_progress", self.prefix)
    }

    /// A subscriber's consumer of one type of event.
    pub(crate) fn consumer(&self, subscriber: &str, event: &str) -> String {
        format!("{}{subscriber}-{event}", self.word())
    }

    fn word(&self) -> String {
        self.prefix.replace(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-', "_")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_with_dots_still_names_a_stream() {
        let names = Names::new("blue.eu_");

        assert_eq!(names.stream(), "BLUE_EU_VETTED_EVENTS");
        assert_eq!(names.subject("user", "UserRegistered"), "blue.eu_vetted.user.UserRegistered");
        assert_eq!(names.consumer("mailer", "PasswordReset"), "blue_eu_mailer-PasswordReset");
        assert_eq!(Names::new("").stream(), "VETTED_EVENTS");
    }
}
