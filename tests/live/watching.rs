//! A client of server-sent events, written apart from the program's own code.

use std::time::Duration;

use reqwest::Response;
use serde_json::Value;
use tokio::time::timeout;

use crate::support::Call;

/// Bounds a test that fails.
const TIMEOUT: Duration = Duration::from_secs(90);

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    pub id: Option<i64>,
    pub name: String,
    pub data: Value,
}

/// A stream that is read as it comes.
pub struct Stream {
    response: Response,
    text: String,
}

impl Stream {
    pub async fn of(call: Call) -> Self {
        let response = call.open().await;
        assert_eq!(response.status(), 200, "{response:?}");
        Self { response, text: String::new() }
    }

    pub fn header(&self, name: &str) -> &str {
        self.response.headers()[name].to_str().unwrap()
    }

    /// The next event, which has that name.
    #[track_caller]
    pub fn next(&mut self, name: &str) -> impl Future<Output = Told> {
        let caller = std::panic::Location::caller();
        async move {
            let told =
                self.any().await.unwrap_or_else(|| panic!("it ended before {name}: {caller}"));
            assert_eq!(told.name, name, "{told:?} at {caller}");
            told
        }
    }

    /// The next event; `None` where the stream has ended.
    pub async fn any(&mut self) -> Option<Told> {
        timeout(TIMEOUT, async {
            loop {
                while let Some((block, rest)) = self.text.split_once("\n\n") {
                    let told = read(block);
                    self.text = rest.to_owned();
                    if told.is_some() {
                        return told;
                    }
                }
                // A server that was killed ends a stream as well as one that was told to.
                let chunk = self.response.chunk().await.ok().flatten()?;
                self.text.push_str(std::str::from_utf8(&chunk).unwrap());
            }
        })
        .await
        .expect("an event, or the end")
    }

    /// Nothing more comes.
    pub async fn ends(&mut self) {
        let more = self.any().await;
        assert!(more.is_none(), "{more:?}");
    }
}

/// Comments, and blocks without data, are no events.
fn read(block: &str) -> Option<Told> {
    let field = |name: &str| {
        block
            .lines()
            .find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(":")?.trim_start()))
    };
    Some(Told {
        data: serde_json::from_str(field("data")?).unwrap(),
        id: field("id").map(|id| id.parse().unwrap()),
        name: field("event").unwrap_or("message").to_owned(),
    })
}
