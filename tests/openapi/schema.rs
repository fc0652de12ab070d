//! As much of JSON Schema as the document uses. What it does not know, it refuses.

use serde_json::{Map, Value};

/// What is wrong with a value, by place; nothing where it is as the schema says.
pub fn faults(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut faults = vec![];
    Check { document, faults: &mut faults }.value("", schema, value);
    faults
}

struct Check<'a> {
    document: &'a Value,
    faults: &'a mut Vec<String>,
}

/// Words that say nothing about which values are right.
const WORDS: [&str; 8] = [
    "description",
    "discriminator",
    "example",
    "examples",
    "title",
    "default",
    "deprecated",
    "readOnly",
];

impl Check<'_> {
    fn value(&mut self, at: &str, schema: &Value, value: &Value) {
        let Value::Object(schema) = schema else { return };
        for (keyword, rule) in
            schema.iter().filter(|(keyword, _)| !WORDS.contains(&keyword.as_str()))
        {
            self.keyword(at, (keyword, rule), schema, value);
        }
    }

    fn keyword(
        &mut self,
        at: &str,
        (keyword, rule): (&str, &Value),
        schema: &Map<String, Value>,
        value: &Value,
    ) {
        let number = value.as_f64().unwrap_or_default();
        let length = value.as_str().map_or(0, |text| text.chars().count());
        let bound = rule.as_f64().unwrap_or_default();
        let count = rule.as_u64().and_then(|rule| usize::try_from(rule).ok()).unwrap_or_default();
        let fine = match keyword {
            "$ref" => {
                let pointer = rule.as_str().unwrap().trim_start_matches('#');
                let target = self.document.pointer(pointer).unwrap().clone();
                return self.value(at, &target, value);
            }
            "type" => types(rule).any(|name| is_of_type(name, value)),
            "enum" => rule.as_array().unwrap().contains(value),
            "const" => rule == value,
            "oneOf" => self.matching(rule, value) == 1,
            "anyOf" => self.matching(rule, value) > 0,
            "allOf" => return self.all(at, rule, value),
            "items" => return self.items(at, rule, value),
            "properties" => return self.properties(at, rule, schema, value),
            "required" => return self.required(at, rule, value),
            "additionalProperties" => return self.additional(at, rule, schema, value),
            "propertyNames" => true,
            "format" => !value.is_string() || has_format(rule.as_str().unwrap(), value),
            "minimum" => !value.is_number() || number >= bound,
            "maximum" => !value.is_number() || number <= bound,
            "minLength" => !value.is_string() || length >= count,
            "maxLength" => !value.is_string() || length <= count,
            "minItems" => value.as_array().is_none_or(|items| items.len() >= count),
            "maxItems" => value.as_array().is_none_or(|items| items.len() <= count),
            // Only amounts have one.
            "pattern" => value.as_str().is_none_or(|text| text.parse::<f64>().is_ok()),
            other => panic!("this check does not know {other}: teach it"),
        };
        if !fine {
            self.faults.push(format!("{at}: {value} against {keyword}: {rule}"));
        }
    }

    fn matching(&self, alternatives: &Value, value: &Value) -> usize {
        let alternatives = alternatives.as_array().unwrap().iter();
        alternatives.filter(|schema| faults(self.document, schema, value).is_empty()).count()
    }

    /// Members are described by one part or another, so that "no others" is asked of none.
    fn all(&mut self, at: &str, parts: &Value, value: &Value) {
        let parts = parts.as_array().unwrap();
        let found = parts.iter().flat_map(|part| faults(self.document, part, value));
        let found = found.filter(|fault| !fault.ends_with(UNDESCRIBED));
        let faults: Vec<_> = found.map(|fault| format!("{at}{fault}")).collect();
        self.faults.extend(faults);
    }

    fn items(&mut self, at: &str, schema: &Value, value: &Value) {
        for (index, item) in value.as_array().into_iter().flatten().enumerate() {
            self.value(&format!("{at}/{index}"), schema, item);
        }
    }

    fn properties(&mut self, at: &str, rule: &Value, schema: &Map<String, Value>, value: &Value) {
        for (name, member) in value.as_object().into_iter().flatten() {
            match rule.get(name) {
                Some(rule) => self.value(&format!("{at}/{name}"), rule, member),
                None if schema.contains_key("additionalProperties") => {}
                None => self.faults.push(format!("{at}/{name}{UNDESCRIBED}")),
            }
        }
    }

    fn required(&mut self, at: &str, rule: &Value, value: &Value) {
        let Value::Object(members) = value else { return };
        for name in rule.as_array().unwrap().iter().filter_map(Value::as_str) {
            if !members.contains_key(name) {
                self.faults.push(format!("{at}/{name} is missing"));
            }
        }
    }

    fn additional(&mut self, at: &str, rule: &Value, schema: &Map<String, Value>, value: &Value) {
        let described =
            |name: &str| schema.get("properties").is_some_and(|of| of.get(name).is_some());
        for (name, member) in value.as_object().into_iter().flatten() {
            if !described(name) && rule == false {
                self.faults.push(format!("{at}/{name}{UNDESCRIBED}"));
            } else if !described(name) {
                self.value(&format!("{at}/{name}"), rule, member);
            }
        }
    }
}

const UNDESCRIBED: &str = " is not described";

fn types(rule: &Value) -> impl Iterator<Item = &str> {
    let one = rule.as_str().into_iter();
    one.chain(rule.as_array().into_iter().flatten().filter_map(Value::as_str))
}

fn is_of_type(name: &str, value: &Value) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{other} is no type"),
    }
}

fn has_format(name: &str, value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    match name {
        "uuid" => uuid::Uuid::parse_str(text).is_ok(),
        "date-time" => {
            let format = &time::format_description::well_known::Rfc3339;
            time::OffsetDateTime::parse(text, format).is_ok()
        }
        "email" => text.contains('@'),
        "uri" => url::Url::parse(text).is_ok(),
        "uri-reference" => text.starts_with('/') || url::Url::parse(text).is_ok(),
        "password" | "binary" => true,
        other => panic!("this check does not know the format {other}: teach it"),
    }
}

#[test]
fn the_check_finds_what_is_wrong() {
    let document = serde_json::json!({"a": {"type": "object", "required": ["n"], "properties": {
        "n": {"type": ["integer", "null"], "maximum": 3}, "list": {"items": {"$ref": "#/a"}}}}});
    let faults = |value| faults(&document, &document["a"], &value);

    assert!(faults(serde_json::json!({"n": null, "list": [{"n": 3}]})).is_empty());
    assert_eq!(faults(serde_json::json!({"list": [{"n": 4}], "x": 1})).len(), 3);
}
