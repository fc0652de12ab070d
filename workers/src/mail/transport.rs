//! How a message leaves: to an SMTP server, or into a folder.

use domain::UserId;
use lettre::Message;
use secrecy::{ExposeSecret, SecretString};

use super::folder::Folder;
use super::server::{MailServer, MailServerError, is_about_login};
use super::{Letter, MailSettingsError};
use crate::subscriber::Failed;

#[derive(Clone)]
pub(super) enum Transport {
    Smtp(MailServer),
    Files(Folder),
}

impl Transport {
    pub(super) fn smtp(url: &SecretString) -> Result<Self, MailSettingsError> {
        let server = MailServer::parse(url.expose_secret()).ok_or(MailSettingsError::Smtp)?;
        Ok(Self::Smtp(server))
    }

    pub(super) async fn send(&self, letter: &Letter, message: &Message) -> Result<(), Failed> {
        match self {
            Self::Smtp(server) => send(server, message).await,
            Self::Files(folder) => folder.take(letter, message.formatted()),
        }
    }

    pub(super) async fn check(&self) -> Result<(), MailServerError> {
        match self {
            Self::Smtp(server) => server.check().await,
            Self::Files(_) => Ok(()),
        }
    }

    /// Returns once what was sent outlasts a loss of power.
    pub(super) async fn settle(&self) -> Result<(), Failed> {
        match self {
            // The server has said that it has taken it.
            Self::Smtp(_) => Ok(()),
            Self::Files(folder) => folder.settle().await,
        }
    }

    /// Removes what was written to that person. A server has long passed on what it took.
    pub(super) async fn forget(&self, person: UserId) -> Result<(), Failed> {
        match self {
            Self::Smtp(_) => Ok(()),
            Self::Files(folder) => folder.forget(person).await,
        }
    }
}

/// What a server says before it is told of a mail is not about the mail, whichever code it has.
async fn send(server: &MailServer, message: &Message) -> Result<(), Failed> {
    server.check().await.map_err(outage)?;
    let Err(error) = server.send(message).await else { return Ok(()) };
    if is_cut_off(&error) {
        server.check().await.map_err(outage)?;
    }
    Err(refused(&error))
}

fn outage(error: MailServerError) -> Failed {
    let text = match error {
        MailServerError::Login => "the mail server refuses the login",
        MailServerError::Silent | MailServerError::Network(_) | MailServerError::Reply(_) => {
            "the mail server cannot be reached"
        }
    };
    Failed::Outage(text.to_owned())
}

fn code(error: &MailServerError) -> Option<String> {
    let MailServerError::Reply(error) = error else { return None };
    error.status().map(|code| code.to_string())
}

/// Whether the server did not say anything about the mail: it is away (421), or the conversation did
/// not get so far. Whether it is so for every mail, another conversation tells.
fn is_cut_off(error: &MailServerError) -> bool {
    match (error, code(error)) {
        (_, Some(code)) => is_about_login(&code) || code == "421",
        (MailServerError::Reply(error), None) => !error.is_client(),
        _ => true,
    }
}

/// The code alone: servers like to repeat the address beside it.
fn refused(error: &MailServerError) -> Failed {
    let reply = match error {
        MailServerError::Reply(reply) => reply,
        MailServerError::Silent => {
            return Failed::Transient("the mail server did not answer in time".to_owned());
        }
        MailServerError::Login | MailServerError::Network(_) => return broke_off(),
    };
    match code(error) {
        // About the login, not about this mail: the operator will mend it.
        Some(code) if is_about_login(&code) => {
            Failed::Transient(format!("the mail server refused the login: {code}"))
        }
        Some(code) if reply.is_permanent() => {
            Failed::Permanent(format!("the mail server refused: {code}"))
        }
        Some(code) => Failed::Transient(format!("the mail server put off: {code}")),
        None if reply.is_client() => {
            Failed::Permanent("the mail server cannot take such a mail".to_owned())
        }
        None if reply.is_tls() => {
            Failed::Transient("no secure connection to the mail server".to_owned())
        }
        None => broke_off(),
    }
}

fn broke_off() -> Failed {
    Failed::Transient("the conversation with the mail server broke off".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_address_of_the_server_is_not_repeated() {
        let wrong = SecretString::from("http://user:secret@host");

        let Err(error) = Transport::smtp(&wrong) else { panic!("accepted") };

        assert!(!error.to_string().contains("secret"));
    }
}
