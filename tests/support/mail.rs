//! The mails that the program has written to its folder.

use mail_parser::{Address, MessageParser};
use serde_json::Value;
use url::{Position, Url};

use super::{TestApp, eventually};

impl TestApp {
    /// The text of the newest mail to an address, once there is one.
    pub async fn mail_to(&self, email: &str) -> String {
        self.mails_to(email, 1).await.pop().unwrap()
    }

    /// The texts of the mails to an address, oldest first, once there are that many.
    pub async fn mails_to(&self, email: &str, count: usize) -> Vec<String> {
        eventually(&format!("{count} mails to {email}"), async || {
            let mails = self.mails(email);
            (mails.len() >= count).then_some(mails)
        })
        .await
    }

    /// The texts of the mails to an address so far, oldest first.
    pub fn mails(&self, email: &str) -> Vec<String> {
        let Ok(folder) = std::fs::read_dir(self.data_dir().join("mail")) else { return vec![] };
        let files = folder.map(|entry| entry.unwrap().path());
        // Their names begin with the time; an unfinished one ends with another extension.
        let mut files: Vec<_> =
            files.filter(|path| path.extension().is_some_and(|kind| kind == "eml")).collect();
        files.sort();
        let texts = files.iter().map(|file| text_for(email, &std::fs::read(file).unwrap()));
        texts.flatten().collect()
    }
}

fn text_for(email: &str, mail: &[u8]) -> Option<String> {
    let message = MessageParser::default().parse(mail).unwrap();
    let is_for = |to: &Address| to.iter().any(|to| to.address() == Some(email));
    message.to().is_some_and(is_for).then(|| message.body_text(0).unwrap().into_owned())
}

/// What the query of a link says, such as uid and token of one that leads to a page.
pub fn in_query(link: &str) -> Value {
    let (_, query) = link.split_once('?').unwrap_or_else(|| panic!("no query in {link}"));
    let pairs = url::form_urlencoded::parse(query.as_bytes()).into_owned();
    pairs.map(|(name, value)| (name, Value::from(value))).collect()
}

/// The path and query of the first link in a text.
pub fn link_in(text: &str) -> String {
    let start = text.find("http").unwrap_or_else(|| panic!("no link in {text}"));
    let link = text[start..].split_whitespace().next().unwrap_or_default();
    Url::parse(link).unwrap()[Position::BeforePath..].to_owned()
}
