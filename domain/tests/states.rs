//! The state that each event leaves, as snapshots hold it: `states/<stream>.<format>.json`. A state that is
//! another one than before needs another `FORMAT`, or else snapshots of before would be taken for it.

#![cfg(test)]

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::fs;
use std::path::{Path, PathBuf};

use domain::category::Category;
use domain::order::Order;
use domain::policy::Policy;
use domain::product::Product;
use domain::user::User;
use domain::{Aggregate, Event, replay};
use serde_json::Value;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

/// Every golden event of an aggregate, by the golden's name.
fn events<A: Aggregate>() -> BTreeMap<String, Event> {
    let files = fs::read_dir(folder("golden")).unwrap().map(|file| file.unwrap().path());
    let read = |path: PathBuf| {
        let name = path.file_stem()?.to_str()?.to_owned();
        let mut parts = name.split('.');
        let (event, version) = (parts.next()?, parts.next()?);
        let payload = fs::read_to_string(&path).unwrap();
        let event = Event::decode(A::STREAM, event, version, payload.trim_end()).ok()?;
        Some((name, event))
    };
    files.filter_map(read).collect()
}

fn after<A: Aggregate>(state: &A, event: &Event) -> A {
    replay(state.clone(), [event.clone()]).unwrap()
}

/// As it comes back from a snapshot.
fn kept<A: Aggregate>(state: &A) -> A {
    serde_json::from_str(&serde_json::to_string(state).unwrap()).unwrap()
}

fn holds<A: Aggregate + PartialEq + Debug>(first: &str) {
    let events = events::<A>();
    let begun = after(&A::default(), &events[first]);
    let mut states = BTreeMap::new();
    for (name, event) in &events {
        let state = after(&begun, event);
        assert_eq!(kept(&state), state, "{name}");
        for (next, event) in &events {
            assert_eq!(after(&kept(&state), event), after(&state, event), "{name}, then {next}");
        }
        states.insert(name, serde_json::to_value(&state).unwrap());
    }
    is_as_stored::<A>(&serde_json::to_value(states).unwrap());
}

fn is_as_stored<A: Aggregate>(states: &Value) {
    let path = folder("states").join(format!("{}.{}.json", A::STREAM, A::FORMAT));
    if std::env::var_os("UPDATE_STATES").is_some() {
        fs::write(&path, format!("{states:#}\n")).unwrap();
    }
    let stored = fs::read_to_string(&path).unwrap_or_default();
    let stored: Value = serde_json::from_str(&stored).unwrap_or_default();
    assert_eq!(
        &stored,
        states,
        "the states of {} are not those of {}: raise the aggregate's FORMAT, and write the states of the \
         new one with UPDATE_STATES=1",
        A::STREAM,
        path.display()
    );
}

#[test]
fn whatever_comes_after_a_snapshot_leads_to_the_state_that_the_whole_stream_leads_to() {
    holds::<Category>("CategoryCreated.1");
    holds::<Order>("OrderPlaced.1");
    holds::<Policy>("PolicyCreated.1");
    holds::<Product>("ProductSubmitted.1");
    holds::<User>("UserRegistered.1");
}

#[test]
fn no_aggregate_but_an_account_holds_a_text_about_a_person() {
    fn texts<A: Aggregate>(first: &str) -> usize {
        let events = events::<A>();
        let begun = after(&A::default(), &events[first]);
        let states = events.values().map(|event| after(&begun, event));
        let written =
            |state: A| serde_json::to_string(&state).unwrap().matches("\"about\"").count();
        let (mut held, mut told) = (0, 0);
        for mut state in states {
            held += written(state.clone());
            told += state.personal().len();
        }
        assert_eq!(held, told, "{} tells of each text that it holds", A::STREAM);
        held
    }

    assert_eq!(texts::<Category>("CategoryCreated.1"), 0);
    assert_eq!(texts::<Order>("OrderPlaced.1"), 0);
    assert_eq!(texts::<Policy>("PolicyCreated.1"), 0);
    assert_eq!(texts::<Product>("ProductSubmitted.1"), 0);
    assert!(texts::<User>("UserRegistered.1") > 0);
}
