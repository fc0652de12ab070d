//! How payloads of earlier versions are read today.
//!
//! A variant that has landed is never edited: give the event a new version here and say how the
//! earlier payload becomes the new one. `domain/tests/golden` keeps one payload of every version.

use serde_json::Value;

/// One step: from this version of an event's payload to the next.
pub struct Upcaster {
    /// The event.
    pub event: &'static str,
    /// The version that it reads.
    pub from: &'static str,
    /// The version that it makes.
    pub to: &'static str,
    /// The step.
    pub step: fn(Value) -> Value,
}

/// Every step that there is, oldest first.
pub const UPCASTERS: &[Upcaster] = &[];

/// The version of an event that is written today.
pub fn current_version(event: &str) -> &'static str {
    newest(UPCASTERS, event)
}

/// Brings a payload to today's version; `None` for a version that nobody knows.
pub fn upcast(event: &str, version: &str, payload: Value) -> Option<Value> {
    climb(UPCASTERS, event, version, payload)
}

fn newest(upcasters: &[Upcaster], event: &str) -> &'static str {
    upcasters.iter().rev().find(|upcaster| upcaster.event == event).map_or("1", |last| last.to)
}

fn climb(upcasters: &[Upcaster], event: &str, version: &str, payload: Value) -> Option<Value> {
    let (reached, payload) = upcasters.iter().filter(|upcaster| upcaster.event == event).fold(
        (version, payload),
        |(at, payload), upcaster| {
            if at == upcaster.from {
                (upcaster.to, (upcaster.step)(payload))
            } else {
                (at, payload)
            }
        },
    );
    (reached == newest(upcasters, event)).then_some(payload)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const STEPS: &[Upcaster] = &[
        Upcaster { event: "Renamed", from: "1", to: "2", step: |old| json!({ "to": old["name"] }) },
        Upcaster {
            event: "Renamed",
            from: "2",
            to: "3",
            step: |old| json!({ "to": old["to"], "why": null }),
        },
    ];

    #[test]
    fn a_payload_climbs_every_step_from_its_version_on() {
        let newest = json!({ "to": "x", "why": null });
        assert_eq!(climb(STEPS, "Renamed", "1", json!({ "name": "x" })), Some(newest.clone()));
        assert_eq!(climb(STEPS, "Renamed", "2", json!({ "to": "x" })), Some(newest.clone()));
        assert_eq!(climb(STEPS, "Renamed", "3", newest.clone()), Some(newest));
    }

    #[test]
    fn a_version_that_nobody_knows_is_not_guessed_at() {
        assert_eq!(climb(STEPS, "Renamed", "4", json!({})), None);
        assert_eq!(climb(STEPS, "Created", "2", json!({})), None);
        assert_eq!(climb(STEPS, "Created", "1", json!(1)), Some(json!(1)));
    }
}
