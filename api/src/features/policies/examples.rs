//! Examples of policies.

use domain::PolicyId;
use domain::policy::{CreatePolicy, EditPolicy, ReplacePolicy, Severity};
use projections::Policy;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::features::feature::Example;
use crate::features::samples::{SUBMITTED, id};

pub(crate) const POLICY: Uuid = id(9);
const TEMPLATE: Uuid = id(10);
const TITLE: &str = "The video shows the product";
const TEXT: &str = "The video shows the very thing that is sold, not one like it.";
const DSA_CATEGORY: &str = "SCAMS_AND_FRAUD";

/// Of each body.
pub(super) fn examples() -> Vec<Example> {
    let replace = json!({
        "title": TITLE, "text": TEXT, "severity": "MEDIUM", "dsa_category": DSA_CATEGORY,
        "templates": [template()],
    });
    let mut create = replace.clone();
    create["code"] = json!("VIDEO-1");
    vec![
        Example::request::<CreatePolicy>(create),
        Example::request::<ReplacePolicy>(replace),
        Example::request::<EditPolicy>(json!({ "retired": true })),
        Example::answer(&policy()),
    ]
}

fn template() -> Value {
    json!({
        "name": "Another product", "language": "en",
        "body": "The video shows {shown} instead of what is sold.",
    })
}

fn policy() -> Policy {
    let mut kept = template();
    kept["id"] = json!(TEMPLATE);
    Policy {
        id: PolicyId::from_uuid(POLICY),
        code: "VIDEO-1".to_owned(),
        title: TITLE.to_owned(),
        text: TEXT.to_owned(),
        severity: Severity::Medium,
        parent: None,
        dsa_category: Some(DSA_CATEGORY.to_owned()),
        templates: serde_json::from_value(json!([kept])).unwrap_or_default(),
        retired: false,
        version: 1,
        created_at: SUBMITTED,
        updated_at: SUBMITTED,
    }
}
