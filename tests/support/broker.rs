//! The tests' NATS server, which they share.

use async_nats::jetstream;

pub fn url() -> String {
    std::env::var("TEST_NATS_URL")
        .expect("TEST_NATS_URL is not set: run the tests with `make test`")
}

/// Removes the stream of whatever ran with that prefix.
pub fn forget(prefix: &str) {
    let letters = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '_' };
    let stream: String = prefix.to_uppercase().chars().map(letters).collect();
    let stream = format!("{stream}VETTED_EVENTS");
    let forgotten = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let client = async_nats::connect(url()).await.expect("the test server answers");
            // There is none where the program never reached the server.
            let _ = jetstream::new(client).delete_stream(stream).await;
        });
    });
    if forgotten.join().is_err() {
        eprintln!("a stream may be left behind on the test server");
    }
}
