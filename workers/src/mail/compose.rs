//! From a letter to a message (RFC 5322).

use std::time::SystemTime;

use domain::EmailAddress;
use lettre::Message;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};

use super::Letter;
use crate::subscriber::Failed;

/// Mail programs cut off longer ones.
const SUBJECT: usize = 120;

/// The message of a letter: always the same one, its boundary aside.
pub(super) fn message(letter: &Letter, from: &Mailbox, host: &str) -> Result<Message, Failed> {
    // Neither says what the address is.
    let unusable = || Failed::Permanent("no mail can be sent to the address".to_owned());
    let to = letter.to.parse::<EmailAddress>().map_err(|_| unusable())?;
    let to = to.mailbox().parse().map_err(|_| unusable())?;
    let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
    Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, to))
        .subject(subject(&letter.subject))
        .date(SystemTime::from(letter.at))
        .message_id(Some(format!("<{}@{host}>", letter.event)))
        .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()))
        .multipart(MultiPart::alternative_plain_html(letter.text(), letter.html()))
        .map_err(|_| Failed::Permanent("the mail cannot be composed".to_owned()))
}

/// One line, of a length that people read.
fn subject(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match line.char_indices().nth(SUBJECT) {
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;
    use uuid::Uuid;

    use super::super::letter::Block;
    use super::*;

    fn composed(to: &str, subject: &str) -> Result<String, Failed> {
        let blocks = vec![Block::Says("Grüße.".into())];
        let (event, at) = (Uuid::max(), OffsetDateTime::UNIX_EPOCH);
        let recipient = domain::UserId::from_uuid(event);
        let (to, subject) = (to.into(), subject.into());
        let letter = Letter { event, at, recipient, to, subject, blocks };
        let from = "Vetted <no-reply@example.com>".parse().expect("a mailbox");
        let message = message(&letter, &from, "shop.example")?;
        Ok(String::from_utf8(message.formatted()).expect("UTF-8"))
    }

    #[test]
    fn a_message_names_its_event_and_that_nobody_wrote_it() {
        let message = composed("ann@example.com", "Hello").expect("composed");

        for header in [
            "From: Vetted <no-reply@example.com>\r\n",
            "To: ann@example.com\r\n",
            "Subject: Hello\r\n",
            "Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n",
            "Message-ID: <ffffffff-ffff-ffff-ffff-ffffffffffff@shop.example>\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "Content-Type: multipart/alternative;",
            "Content-Type: text/plain; charset=utf-8\r\n",
            "Content-Type: text/html; charset=utf-8\r\n",
        ] {
            assert!(message.contains(header), "{header} is missing: {message}");
        }
    }

    #[test]
    fn a_domain_is_written_as_mail_servers_know_it() {
        let message = composed("ann@münchen.example", "Hello").expect("composed");

        assert!(message.contains("To: ann@xn--mnchen-3ya.example\r\n"), "{message}");
    }

    #[test]
    fn a_subject_cannot_start_another_header() {
        let message =
            composed("ann@example.com", "Chair\r\nBcc: eve@example.com").expect("composed");

        assert!(message.contains("Subject: Chair  Bcc: eve@example.com\r\n"), "{message}");
        assert_eq!(subject(&"x".repeat(200)).chars().count(), SUBJECT + 1);
    }

    #[test]
    fn an_address_that_is_none_is_refused_without_repeating_it() {
        let refused = composed("ann@example.com\r\nRCPT TO:<eve@example.com>", "Hello");

        let Err(Failed::Permanent(reason)) = refused else { panic!("{refused:?}") };
        assert!(!reason.contains("ann"));
    }
}
