//! Where NATS is and how to log in: the client ignores credentials inside an address.

use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// How to log in to NATS.
#[derive(Clone, Debug)]
pub enum NatsLogin {
    /// The server asks for nothing.
    Open,
    /// A user with a password.
    User(String, SecretString),
    /// A token.
    Token(SecretString),
}

/// One server, or several of a cluster, and the login for them.
#[derive(Clone, Debug)]
pub struct NatsAddress {
    /// Addresses without credentials.
    pub servers: Vec<String>,
    /// The first login that one of the addresses held.
    pub login: NatsLogin,
}

impl NatsAddress {
    /// Takes addresses with commas between that were checked before; what is wrong is left out.
    pub fn from_checked(text: &str) -> Self {
        let mut address = Self { servers: Vec::new(), login: NatsLogin::Open };
        for mut url in text.split(',').filter_map(|one| Url::parse(one.trim()).ok()) {
            if matches!(address.login, NatsLogin::Open) {
                address.login = login(&url);
            }
            // Both fail only for an address without a host.
            let _ = url.set_password(None);
            let _ = url.set_username("");
            address.servers.push(url.to_string());
        }
        address
    }

    /// The client's options with the login in them.
    pub fn options(&self) -> async_nats::ConnectOptions {
        match &self.login {
            NatsLogin::Open => async_nats::ConnectOptions::new(),
            NatsLogin::User(user, password) => async_nats::ConnectOptions::with_user_and_password(
                user.clone(),
                password.expose_secret().to_owned(),
            ),
            NatsLogin::Token(token) => {
                async_nats::ConnectOptions::with_token(token.expose_secret().to_owned())
            }
        }
    }

    /// Connects once, with the client's defaults.
    pub async fn connect(&self) -> Result<async_nats::Client, async_nats::ConnectError> {
        self.options().connect(self.servers.clone()).await
    }
}

fn login(url: &Url) -> NatsLogin {
    let decode = |text: &str| {
        // As in a form, but a plus sign stays one.
        let text = text.replace('+', "%2B");
        let pairs = url::form_urlencoded::parse(text.as_bytes());
        pairs.map(|(name, _)| name.into_owned()).collect::<String>()
    };
    match (url.username(), url.password()) {
        ("", None) => NatsLogin::Open,
        (user, Some(password)) => NatsLogin::User(decode(user), decode(password).into()),
        (token, None) => NatsLogin::Token(decode(token).into()),
    }
}
