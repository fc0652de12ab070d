//! A mail before it is one, and its two renderings.

use std::fmt::Write;

use domain::UserId;
use time::OffsetDateTime;
use uuid::Uuid;

/// What one event has to tell one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Letter {
    /// The event, or an id derived from it where it has something to tell another address too;
    /// makes the Message-ID.
    pub(crate) event: Uuid,
    /// When it happened; the Date.
    pub(crate) at: OffsetDateTime,
    /// Whose letter it is: it goes with its person.
    pub(crate) recipient: UserId,
    /// The address.
    pub(crate) to: String,
    /// The Subject.
    pub(crate) subject: String,
    /// The text, from top to bottom.
    pub(crate) blocks: Vec<Block>,
}

/// A part of a letter's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Block {
    /// Ours.
    Says(String),
    /// Something to open.
    Link {
        /// What opening it does.
        label: &'static str,
        /// Where it is.
        url: String,
    },
    /// What somebody else wrote.
    Quote(String),
}

impl Letter {
    /// As plain text.
    pub(crate) fn text(&self) -> String {
        let blocks: Vec<String> = self.blocks.iter().map(Block::text).collect();
        blocks.join("\r\n\r\n") + "\r\n"
    }

    /// As HTML; everything that a person wrote is escaped.
    pub(crate) fn html(&self) -> String {
        let body: String = self.blocks.iter().map(Block::html).collect();
        let title = escape(&self.subject);
        format!(
            "<!doctype html>\r\n<html lang=\"en\">\r\n<head><meta charset=\"utf-8\">\
             <title>{title}</title></head>\r\n\
             <body style=\"font-family: sans-serif; line-height: 1.5; max-width: 40em\">\r\n\
             {body}</body>\r\n</html>\r\n"
        )
    }
}

impl Block {
    fn text(&self) -> String {
        match self {
            Self::Says(text) => text.clone(),
            Self::Link { label, url } => format!("{label}:\r\n{url}"),
            Self::Quote(text) => {
                let lines: Vec<String> = text.lines().map(|line| format!("> {line}")).collect();
                lines.join("\r\n")
            }
        }
    }

    fn html(&self) -> String {
        match self {
            Self::Says(text) => format!("<p>{}</p>\r\n", escape(text)),
            Self::Link { label, url } => {
                let url = escape(url);
                format!("<p><a href=\"{url}\">{label}</a><br>\r\n<small>{url}</small></p>\r\n")
            }
            Self::Quote(text) => {
                let text = escape(text).replace('\n', "<br>\n");
                format!("<blockquote>{text}</blockquote>\r\n")
            }
        }
    }
}

fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut escaped, letter| {
        match letter {
            '&' | '<' | '>' | '"' | '\'' => {
                // Writing to a string can't fail.
                let _ = write!(escaped, "&#{};", u32::from(letter));
            }
            other => escaped.push(other),
        }
        escaped
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(blocks: Vec<Block>) -> Letter {
        let (event, at) = (Uuid::nil(), OffsetDateTime::UNIX_EPOCH);
        let (recipient, to) = (UserId::from_uuid(event), "a@example.com".into());
        Letter { event, at, recipient, to, subject: "A & B".into(), blocks }
    }

    #[test]
    fn what_a_person_wrote_is_no_markup() {
        let quoted = letter(vec![Block::Quote("<img src=x onerror=\"alert('1')\"> & more".into())]);

        let html = quoted.html();

        assert!(!html.contains("<img"), "{html}");
        assert!(
            html.contains("&#60;img src=x onerror=&#34;alert(&#39;1&#39;)&#34;&#62; &#38; more")
        );
        assert!(html.contains("<title>A &#38; B</title>"));
    }

    #[test]
    fn a_link_stands_alone_on_its_line_of_text() {
        let url = "https://example.com/?a=1&b=2".to_owned();
        let linked = letter(vec![
            Block::Says("Hello.".into()),
            Block::Link { label: "Open it", url: url.clone() },
        ]);

        assert_eq!(linked.text(), format!("Hello.\r\n\r\nOpen it:\r\n{url}\r\n"));
        assert!(linked.html().contains("<a href=\"https://example.com/?a=1&#38;b=2\">Open it</a>"));
    }

    #[test]
    fn every_line_of_a_quotation_is_marked() {
        let quoted = letter(vec![Block::Quote("one\ntwo".into())]);

        assert_eq!(quoted.text(), "> one\r\n> two\r\n");
        assert!(quoted.html().contains("one<br>\ntwo"));
    }
}
