//! Ids, bodies and problems that examples are made of.

use domain::FieldErrors;
use http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::features::feature::{Example, Feature, SampleId};
use crate::http::input::{MAX_BODY, Nothing};
use crate::http::problem::{Problem, catalogued};

/// What features say for examples.
pub(super) struct Samples {
    ids: Vec<SampleId>,
    examples: Vec<Example>,
    refusals: Vec<Problem>,
}

impl Samples {
    pub(super) fn of(features: &[Feature]) -> Self {
        let examples = features.iter().flat_map(|feature| (feature.examples)());
        let nothing = Example::request::<Nothing>(json!({}));
        let refusals = features.iter().flat_map(|feature| (feature.refusals)());
        Self {
            ids: features.iter().flat_map(|feature| feature.ids).copied().collect(),
            examples: examples.chain([nothing]).collect(),
            refusals: refusals.map(Problem::from).collect(),
        }
    }

    /// What an id of that type names, and the one of the examples.
    pub(super) fn id_of(&self, kind: &str) -> Option<(&'static str, Uuid)> {
        self.ids.iter().find(|id| id.kind == kind).map(|id| (id.noun, id.id))
    }

    /// The body with that schema in an operation.
    pub(super) fn body(&self, schema: &str, operation: &str) -> Option<Value> {
        if let Some(item) = schema.strip_suffix("Page") {
            let item = self.body(item, operation)?;
            return Some(json!({ "next": null, "previous": null, "results": [item] }));
        }
        let mut of_schema = self.examples.iter().filter(|example| example.schema == schema);
        let own = of_schema.clone().find(|example| example.operation == Some(operation));
        let example = own.or_else(|| of_schema.find(|example| example.operation.is_none()));
        example.map(|example| example.value.clone())
    }

    /// A problem as the program answers it.
    pub(super) fn problem(&self, code: &str, path: &str) -> Value {
        serde_json::from_slice(&self.of_code(code).body(path)).unwrap_or_default()
    }

    fn of_code(&self, code: &str) -> Problem {
        match code {
            "not_authenticated" => Problem::not_signed_in(),
            "second_factor_required" => Problem::second_factor_required("eyJhbGciOiJIUzI1NiJ9"),
            "permission_denied" => Problem::permission_denied(),
            "reauthentication_required" => Problem::reauthentication_required(),
            "not_found" => Problem::not_found(),
            "version_mismatch" => Problem::version_mismatch(7),
            "body_too_large" => Problem::too_large(MAX_BODY),
            "unsupported_media_type" => Problem::unsupported_media_type("application/json"),
            "internal_error" => Problem::internal(),
            "invalid_input" => {
                Problem::invalid(FieldErrors::one("name", "This field is required."))
            }
            code => self.refused(code).unwrap_or_else(|| catalogue(code)),
        }
    }

    /// What a rule of the domain answers with that code.
    fn refused(&self, code: &str) -> Option<Problem> {
        self.refusals.iter().find(|problem| problem.code() == code).cloned()
    }
}

/// What the catalogue says of it.
fn catalogue(code: &str) -> Problem {
    let Some((code, status, meaning)) = catalogued(code) else { return Problem::internal() };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let generic = Problem::of_status(status);
    if generic.code() == code { generic } else { Problem::new(status, code, meaning) }
}
