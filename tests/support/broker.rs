//! The tests' NATS server, which they share, and what is done at any.

use async_nats::jetstream;

pub fn url() -> String {
    std::env::var("TEST_NATS_URL")
        .expect("TEST_NATS_URL is not set: run the tests with `make test`")
}

/// Removes the stream of whatever ran with that prefix.
pub fn forget(prefix: &str) {
    forget_at(url(), prefix);
}

/// The same at another server.
pub fn forget_at(server: String, prefix: &str) {
    let stream = stream(prefix);
    let forgotten = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let client = async_nats::connect(server).await.expect("the test server answers");
            // There is none where the program never reached the server.
            let _ = jetstream::new(client).delete_stream(stream).await;
        });
    });
    if forgotten.join().is_err() {
        eprintln!("a stream may be left behind on the test server");
    }
}

/// The stream of whatever runs with that prefix takes no more than it has, or as much as comes.
pub async fn set_full(prefix: &str, is_full: bool) {
    let client = async_nats::connect(url()).await.expect("the test server answers");
    let jetstream = jetstream::new(client);
    let stream = jetstream.get_stream(stream(prefix)).await.expect("there is a stream");
    let mut config = stream.cached_info().config.clone();
    let messages = i64::try_from(stream.cached_info().state.messages).expect("a number");
    config.max_messages = if is_full { messages.max(1) } else { -1 };
    config.discard = jetstream::stream::DiscardPolicy::New;
    jetstream.update_stream(config).await.expect("the stream is changed");
}

/// All that the stream of whatever runs with that prefix holds, as text.
pub async fn messages(prefix: &str) -> Vec<String> {
    let client = async_nats::connect(url()).await.expect("the test server answers");
    let Ok(mut stream) = jetstream::new(client).get_stream(stream(prefix)).await else {
        return vec![];
    };
    let state = stream.info().await.expect("the stream is known").state.clone();
    let mut messages = vec![];
    for sequence in state.first_sequence.max(1)..=state.last_sequence {
        let message = stream.get_raw_message(sequence).await.expect("it is kept");
        let body = String::from_utf8_lossy(&message.payload).into_owned();
        messages.push(format!("{} {:?} {body}", message.subject, message.headers));
    }
    messages
}

/// What the stream of whatever runs with that prefix is called.
pub fn stream(prefix: &str) -> String {
    let letters = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '_' };
    let prefix: String = prefix.to_uppercase().chars().map(letters).collect();
    format!("{prefix}VETTED_EVENTS")
}
