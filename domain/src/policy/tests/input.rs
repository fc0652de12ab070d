use serde_json::json;

use super::*;

#[test]
fn a_body_is_told_everything_that_is_wrong_with_it() {
    let choices = "Not a valid choice: one of LOW, MEDIUM, HIGH is expected.";
    let template = json!({ "name": "", "language": "English", "body": "x", "subject": "y" });
    assert_eq!(
        wrong::<CreatePolicy>(json!({
            "code": "returns", "title": "", "severity": "low", "colour": "red", "templates": [template],
        })),
        json!({
            "code": [CodeError.to_string()],
            "title": ["This field may not be blank."],
            "text": ["This field is required."],
            "severity": [choices],
            "colour": ["Unknown field: leave it out."],
            "templates.0.name": ["This field may not be blank."],
            "templates.0.subject": ["Unknown field: leave it out."],
        })
    );
    assert_eq!(wrong::<EditPolicy>(json!({})), json!({}), "an edit may leave everything out");
    let code = json!({ "code": "RETURNS" });
    assert_eq!(wrong::<EditPolicy>(code), json!({ "code": ["Unknown field: leave it out."] }));
}

#[test]
fn templates_are_few_and_differ() {
    let named =
        |number: usize| json!({ "name": format!("{number}"), "language": "en", "body": "x" });
    let many = |count| (0..count).map(named).collect::<Vec<_>>();
    let with_id = |name: &str| json!({ "id": Uuid::from_u128(1), "name": name, "language": "en", "body": "x" });
    let in_danish = json!({ "name": "0", "language": "da", "body": "x" });
    let repeated = json!(["Two templates have the same id, or the same name and language."]);
    for (templates, errors) in [
        (json!(many(50)), json!({})),
        (json!([named(0), in_danish]), json!({})),
        (json!(many(51)), json!({ "templates": ["At most 50 templates are allowed."] })),
        (json!([named(0), named(0)]), json!({ "templates": repeated })),
        (json!([with_id("a"), with_id("b")]), json!({ "templates": repeated })),
    ] {
        assert_eq!(wrong::<EditPolicy>(json!({ "templates": templates })), errors);
    }
}
