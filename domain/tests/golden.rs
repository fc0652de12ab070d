//! One stored payload of every event in every version, as `golden/<event>.<version>[.<note>].json`.
//! These bytes are in people's logs: a golden is never edited, only added.

#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use domain::category::CategoryEvent;
use domain::order::OrderEvent;
use domain::policy::PolicyEvent;
use domain::product::ProductEvent;
use domain::upcast::{UPCASTERS, current_version};
use domain::user::UserEvent;
use domain::{Event, StreamType};
use serde::de::value::Error;
use serde::de::{Deserialize, Deserializer, Error as _, Visitor};

const ADVICE: &str = "if the payload of an event changed, write an upcaster (domain/src/upcast.rs) \
                      and add a golden of the new version; leave the earlier ones as they are";

/// File name without `.json`, and the bytes.
fn goldens() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    fs::read_dir(folder)
        .unwrap()
        .map(|file| {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            let name = name.strip_suffix(".json").expect("goldens are .json").to_owned();
            (name, fs::read_to_string(path).unwrap().trim_end().to_owned())
        })
        .collect()
}

fn event_and_version(golden: &str) -> (&str, &str) {
    let mut parts = golden.split('.');
    (parts.next().unwrap(), parts.next().expect("<event>.<version>"))
}

/// Every event's name, as serde knows it from the enums: a new variant can't be forgotten here.
fn events() -> BTreeMap<&'static str, StreamType> {
    let of = |stream, names: &'static [&'static str]| names.iter().map(move |name| (*name, stream));
    of(StreamType::User, variants::<UserEvent>())
        .chain(of(StreamType::Category, variants::<CategoryEvent>()))
        .chain(of(StreamType::Product, variants::<ProductEvent>()))
        .chain(of(StreamType::Order, variants::<OrderEvent>()))
        .chain(of(StreamType::Policy, variants::<PolicyEvent>()))
        .collect()
}

fn variants<E: Deserialize<'static>>() -> &'static [&'static str] {
    struct Ask<'a>(&'a mut &'static [&'static str]);

    impl<'de> Deserializer<'de> for Ask<'_> {
        type Error = Error;

        fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
            Err(Error::custom("not an enum"))
        }

        fn deserialize_enum<V: Visitor<'de>>(
            self,
            _: &'static str,
            variants: &'static [&'static str],
            _: V,
        ) -> Result<V::Value, Error> {
            *self.0 = variants;
            Err(Error::custom("asked"))
        }

        serde::forward_to_deserialize_any! {
            bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
            option unit unit_struct newtype_struct seq tuple tuple_struct map struct identifier
            ignored_any
        }
    }

    let mut variants: &'static [&'static str] = &[];
    drop(E::deserialize(Ask(&mut variants)));
    assert!(!variants.is_empty(), "{} is no enum", std::any::type_name::<E>());
    variants
}

#[test]
fn every_event_has_a_golden_of_every_version() {
    let stored: BTreeSet<_> =
        goldens().keys().map(|golden| event_and_version(golden)).map(owned).collect();

    let today = events().into_keys().map(|event| (event, current_version(event)));
    let earlier = UPCASTERS.iter().map(|upcaster| (upcaster.event, upcaster.from));
    let needed: BTreeSet<_> = today.chain(earlier).map(owned).collect();

    let missing: Vec<_> = needed.difference(&stored).collect();
    assert!(missing.is_empty(), "no golden of {missing:?} in domain/tests/golden; {ADVICE}");
    let unknown: Vec<_> = stored.difference(&needed).collect();
    assert!(unknown.is_empty(), "nothing reads {unknown:?} any more; {ADVICE}");
}

#[test]
fn every_golden_is_still_read_and_todays_are_written_back_byte_for_byte() {
    let streams = events();
    for (golden, payload) in goldens() {
        let (event, version) = event_and_version(&golden);

        let decoded = Event::decode(streams[event], event, version, &payload)
            .unwrap_or_else(|error| panic!("{golden}: {error}; {ADVICE}"));

        assert_eq!(decoded.name(), event, "{golden}");
        if version == current_version(event) {
            let written = serde_json::to_string(&decoded).unwrap();
            assert_eq!(written, payload, "{golden} is written differently today; {ADVICE}");
        }
    }
}

#[test]
fn an_event_of_a_version_that_is_not_known_is_refused() {
    let refused =
        Event::decode(StreamType::Category, "CategoryDeleted", "99", "\"CategoryDeleted\"");

    assert_eq!(
        refused.unwrap_err().to_string(),
        "CategoryDeleted has version 99, which this program does not know: update it"
    );
}

#[test]
fn an_event_of_another_stream_is_refused() {
    let refused = Event::decode(StreamType::Order, "CategoryDeleted", "1", "\"CategoryDeleted\"");

    assert!(refused.is_err());
}

fn owned((event, version): (&str, &str)) -> (String, String) {
    (event.to_owned(), version.to_owned())
}
