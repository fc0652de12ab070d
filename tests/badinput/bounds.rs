//! Answers and memory are bounded, however much is wrong with what was sent.

use domain::Role;
use serde_json::{Value, json};

use crate::refusal::refused;
use crate::support::{Answer, TestApp};

/// Bytes of a problem: 16 KiB of errors, and what is around them.
const LARGEST_PROBLEM: usize = 18 * 1024;

/// Asserts that an answer names as many fields as it may, and counts the others.
#[track_caller]
fn assert_bounded(answer: Answer, left_out: &str) {
    let answer = refused(answer, 400, "invalid_input");
    assert!(answer.bytes.len() <= LARGEST_PROBLEM, "{} bytes", answer.bytes.len());
    assert!(answer.wrong().len() <= 51, "{:?}", answer.wrong());
    assert_eq!(answer.json["errors"]["*"], json!([left_out]), "{:?}", answer.wrong());
}

/// An object of so many members that no body has.
fn unknown(members: usize) -> Vec<u8> {
    let members: Vec<_> = (0..members).map(|number| format!("\"{number:x}\":0")).collect();
    format!("{{{}}}", members.join(",")).into_bytes()
}

// Seen: 0.93 MB of a stranger's were answered with 4 MB.
#[tokio::test]
async fn a_body_of_unknown_members_is_answered_with_fifty_errors_and_a_count() {
    let app = TestApp::start().await;
    let staff = app.user(Role::Staff).await;

    let body = unknown(80_000);
    assert!(body.len() > 700_000);
    let register = app.post("/register/").body(body.clone(), "application/json").send().await;
    let categories = app.post("/categories/").by(&staff).body(body, "application/json");

    // Two members of a registration are missing, one of a category is.
    assert_bounded(register, "and 79952 more");
    assert_bounded(categories.send().await, "and 79951 more");
}

// Seen: 0.75 MB were answered with 8.6 MB.
#[tokio::test]
async fn a_list_of_wrong_items_is_answered_with_fifty_errors_and_a_count() {
    let app = TestApp::start().await;
    let buyer = app.user(Role::EndUser).await;
    let products = json!({"products": vec![0; 300_000]});
    let items = json!({"items": vec![json!({"a": 0}); 80_000]});

    let products = app.post("/orders/").by(&buyer).json(products).send().await;
    let items = app.post("/orders/").by(&buyer).json(items).send().await;

    assert_bounded(products, "and 299950 more");
    // Each item has one member too many, and two too few.
    assert_bounded(items, "and 239950 more");
}

#[tokio::test]
async fn a_name_that_the_client_made_up_is_cut_wherever_it_stands() {
    let app = TestApp::start().await;
    let buyer = app.user(Role::EndUser).await;
    let name = "n".repeat(900_000);

    let member = app.post("/orders/").by(&buyer).json(json!({&name: 0})).send().await;
    let nested = json!({"items": [{&name: 0}]});
    let nested = app.post("/orders/").by(&buyer).json(nested).send().await;
    let query = format!("/products/?{}=1", &name[..20_000]);
    let query = app.get(&query).by(&buyer).send().await;

    for answer in [member, nested, query] {
        let answer = refused(answer, 400, "invalid_input");
        // The query came back in no member, the path does in one.
        assert!(answer.bytes.len() < 1_000, "{} bytes", answer.bytes.len());
        assert!(answer.wrong().iter().any(|field| field.ends_with("nnn…")), "{answer:?}");
    }
}

#[tokio::test]
async fn a_query_of_unknown_parameters_is_answered_with_fifty_errors_and_a_count() {
    let app = TestApp::start().await;
    let buyer = app.user(Role::EndUser).await;
    let query: Vec<_> = (0..4_000).map(|number| format!("{number:x}=")).collect();

    let answer = app.get(&format!("/products/?{}", query.join("&"))).by(&buyer).send().await;

    assert_bounded(answer, "and 3950 more");
}

/// A form of so many parts of that name without content.
fn parts(number: usize, name: &str) -> Vec<u8> {
    let part = format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n\r\n");
    format!("{}--b--\r\n", part.repeat(number)).into_bytes()
}

const FORM: &str = "multipart/form-data; boundary=b";

/// Bytes that a process has in memory, at most so far.
fn peak(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

// Seen: 66 MB of empty parts took 350 MB and were answered with 49 MB.
#[tokio::test]
async fn a_form_of_a_million_empty_parts_is_refused_at_the_first_part_too_many() {
    let mut app = TestApp::start().await;
    let seller = app.user(Role::EndUser).await;
    let (body, before) = (parts(1_000_000, "x"), peak(app.server().id()));
    assert!(body.len() > 50_000_000);

    let post = app.post("/products/").by(&seller).body(body, FORM);
    // A client that sends far more than is read may find the connection closed before the answer.
    if let Ok(answer) = post.try_send().await {
        let answer = refused(answer, 400, "too_many_parts");
        assert!(answer.bytes.len() < 1_000);
    }

    let more = peak(app.server().id()) - before;
    assert!(more < 40_000_000, "{more} bytes more");
    for (number, code) in [(20, "invalid_input"), (21, "too_many_parts")] {
        let post = app.post("/products/").by(&seller).body(parts(number, "x"), FORM);
        refused(post.send().await, 400, code);
    }
}

#[tokio::test]
async fn a_text_of_a_form_has_32_kibibytes_and_a_description_as_many_as_it_needs() {
    let app = TestApp::start().await;
    let (staff, seller) = (app.user(Role::Staff).await, app.user(Role::EndUser).await);
    let category = app.category(&staff, "Lamps").await;
    let form = |part: &str, content: String| {
        let form = reqwest::multipart::Form::new().text(part.to_owned(), content);
        let form = if part == "name" { form } else { form.text("name", "Lamp") };
        form.text("category_id", category.clone())
    };
    let post = async |form| app.post("/products/").by(&seller).multipart(form).send().await;

    let described = post(form("description", "\u{1f600}".repeat(20_000))).await;

    assert_eq!(described.expect(201).json["description"].as_str().unwrap().len(), 80_000);
    for part in ["name", "price_amount", "unknown", "video"] {
        let answer = refused(post(form(part, "x".repeat(33_000))).await, 400, "invalid_input");
        let errors: &Value = &answer.json["errors"][part];
        assert!(errors.to_string().contains("at most 32768 bytes"), "{part}: {answer:?}");
    }
    let long_head = parts(1, &"x".repeat(20_000));
    let answer = app.post("/products/").by(&seller).body(long_head, FORM).send().await;
    refused(answer, 400, "malformed_multipart");
}
