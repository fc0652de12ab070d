//! Erasures as a job: what was asked for is carried out, whatever fails and whatever is under way.

use domain::Role;
use pool::PgPool;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::program::Server;
use crate::support::{Person, TestApp, eventually};

async fn count(pool: &PgPool, query: &'static str) -> i64 {
    sqlx::query_scalar(query).fetch_one(pool).await.unwrap()
}

/// Products and orders that are not withdrawn.
async fn open(app: &TestApp) -> i64 {
    let open = "SELECT (SELECT count(*) FROM products WHERE status <> 'CANCELLED')
                     + (SELECT count(*) FROM orders WHERE status <> 'CANCELLED')";
    count(&app.pool(), open).await
}

async fn erased(app: &TestApp) -> i64 {
    count(&app.pool(), "SELECT count(*) FROM events WHERE event_type = 'PersonErased'").await
}

async fn is_erased(app: &TestApp) {
    eventually("the person is erased", async || (erased(app).await == 1).then_some(())).await;
}

async fn seller_of(app: &TestApp, products: usize) -> (Person, String) {
    let (seller, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
    let category = app.category(&staff, "Lamps").await;
    for number in 0..products {
        app.product(&seller, &category, &format!("Lamp {number}")).await;
    }
    (seller, category)
}

#[tokio::test]
async fn who_asks_to_be_forgotten_is_hidden_at_once_where_no_worker_runs() {
    let app = TestApp::start_as(&["api"], &[]).await;
    let (seller, _) = seller_of(&app, 1).await;
    let admin = app.user(Role::Admin).await;

    app.delete("/me/").by(&seller).send().await.expect(204);

    app.get("/me/").by(&seller).send().await.expect(401);
    app.login(&seller.email, &seller.password).await.expect(401);
    let path = format!("/users/{}/", seller.id);
    let account = app.get(&path).by(&admin).send().await.expect(200).json;
    assert_eq!((&account["email"], &account["is_active"]), (&Value::Null, &json!(false)));
    assert_eq!((open(&app).await, erased(&app).await), (1, 0));
    let _worker = app.program.serve(&["worker"]).await;
    is_erased(&app).await;
    assert_eq!(open(&app).await, 0);
    app.finish().await;
}

#[tokio::test]
async fn an_erasure_is_carried_out_however_often_workers_are_killed() {
    const PRODUCTS: usize = 48;
    let app = TestApp::start_as(&["api"], &[]).await;
    let (seller, _) = seller_of(&app, PRODUCTS).await;
    // So that a worker is killed with a part of it done.
    let slow = "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
                    'BEGIN PERFORM pg_sleep(0.05); RETURN NEW; END';
                CREATE TRIGGER wait BEFORE INSERT ON events FOR EACH ROW
                    WHEN (NEW.event_type = 'ProductCancelled') EXECUTE FUNCTION wait()";
    sqlx::raw_sql(slow).execute(&app.pool()).await.unwrap();
    app.delete("/me/").by(&seller).send().await.expect(204);

    let (mut kills, mut left) = (0, open(&app).await);
    while left > 0 {
        let mut worker = app.program.serve(&["worker"]).await;
        let before = left;
        left = eventually("a part of it is done", async || {
            Some(open(&app).await).filter(|left| *left < before)
        })
        .await;
        worker.kill();
        kills += 1;
        lapse(&app).await;
    }
    let _worker = app.program.serve(&["worker"]).await;
    is_erased(&app).await;

    assert!(kills > 1, "one worker did it all");
    let withdrawn = "SELECT count(*) FROM events WHERE event_type = 'ProductCancelled'";
    assert_eq!(count(&app.pool(), withdrawn).await, i64::try_from(PRODUCTS).unwrap());
    assert_eq!(open(&app).await, 0);
    app.finish().await;
}

/// What the dead had claimed is free.
async fn lapse(app: &TestApp) {
    let due = "UPDATE effects SET due_at = now() - interval '1 s' WHERE handled_at IS NULL";
    sqlx::query(due).execute(&app.pool()).await.unwrap();
}

/// A request whose head was accepted, and whose body is awaited.
struct UnderWay {
    stream: TcpStream,
    body: String,
}

impl UnderWay {
    async fn begin(server: &str, person: &Person, path: &str, body: &Value) -> Self {
        let (host, body) = (server.trim_start_matches("http://"), body.to_string());
        let mut stream = TcpStream::connect(host).await.unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
            person.access,
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        // It is asked for once the caller is known and may do this.
        let expected = b"HTTP/1.1 100 Continue\r\n\r\n";
        let mut said = vec![0; expected.len()];
        stream.read_exact(&mut said).await.unwrap();
        assert_eq!(said, expected);
        Self { stream, body }
    }

    async fn end(mut self) -> String {
        self.stream.write_all(self.body.as_bytes()).await.unwrap();
        let mut said = String::new();
        self.stream.read_to_string(&mut said).await.unwrap();
        said
    }
}

#[tokio::test]
async fn what_was_under_way_when_its_person_asked_to_be_forgotten_is_refused_on_every_replica() {
    let app = TestApp::start().await;
    let replica = app.replica().await;
    let (seller, category) = seller_of(&app, 0).await;
    let (other, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
    let listed = app.approved_product(&other, &staff, &category).await;
    let price = json!({ "amount": "12.50", "currency": "EUR" });
    let product =
        json!({ "name": "Lamp", "description": "New.", "category_id": category, "price": price });
    let order = json!({ "products": [listed] });
    let mut under_way = vec![];
    for server in [app.url(""), replica.base().to_owned()] {
        for (path, body) in [("/products/", &product), ("/orders/", &order)] {
            under_way.push(UnderWay::begin(&server, &seller, path, body).await);
        }
    }

    app.delete("/me/").by(&seller).send().await.expect(204);

    for request in under_way {
        let said = request.end().await;
        assert!(said.starts_with("HTTP/1.1 401"), "{said}");
        assert!(said.contains("\"invalid_token\""), "{said}");
    }
    assert_eq!((open(&app).await, erased(&app).await), (1, 1), "all but the listed one");
    app.finish().await;
}

/// Submits until it is refused; how many were taken.
async fn submit(app: &TestApp, server: Option<&Server>, seller: &Person, category: &str) -> u64 {
    let price = json!({ "amount": "12.50", "currency": "EUR" });
    let body =
        json!({ "name": "Lamp", "description": "New.", "category_id": category, "price": price });
    for taken in 0.. {
        let request = match server {
            Some(server) => app.request_to(server, "POST", "/products/"),
            None => app.post("/products/"),
        };
        let answer = request.by(seller).json(body.clone()).send().await;
        match answer.status {
            201 => {}
            401 => return taken,
            status => panic!("{status}: {answer:?}"),
        }
    }
    unreachable!("it is refused at some time")
}

#[tokio::test]
async fn nothing_stays_that_a_person_submits_while_they_are_erased() {
    let app = TestApp::start().await;
    let replica = app.replica().await;
    let (seller, category) = seller_of(&app, 0).await;

    let (here, there) = (None, Some(&replica));
    let erase = async {
        eventually("products come in", async || (open(&app).await > 20).then_some(())).await;
        app.delete("/me/").by(&seller).send().await.expect(204)
    };
    let taken = tokio::join!(
        submit(&app, here, &seller, &category),
        submit(&app, here, &seller, &category),
        submit(&app, there, &seller, &category),
        submit(&app, there, &seller, &category),
        erase,
    );

    is_erased(&app).await;
    assert_eq!(open(&app).await, 0);
    let submitted = "SELECT count(*) FROM events WHERE event_type = 'ProductSubmitted'";
    let submitted = count(&app.pool(), submitted).await.cast_unsigned();
    assert_eq!(submitted, taken.0 + taken.1 + taken.2 + taken.3);
    let after = "SELECT count(*) FROM events WHERE event_type = 'ProductSubmitted' AND position >
                    (SELECT position FROM events WHERE event_type = 'ErasureRequested')";
    assert_eq!(count(&app.pool(), after).await, 0);
    app.finish().await;
}
