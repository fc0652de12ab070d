use cqrs_es::test::TestFramework;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::testing::{
    ALICE, BOB, SYSTEM, admin, anybody, auditor, end_user, refolded, staff, wrong,
};
use crate::{Aggregate as _, Given, Refuse as _};

fn name(text: &str) -> CategoryName {
    CategoryName::try_new(text).unwrap()
}

fn description(text: &str) -> CategoryDescription {
    CategoryDescription::try_new(text).unwrap()
}

fn created() -> CategoryEvent {
    CategoryEvent::CategoryCreated { name: name("Lamps"), description: description("Light.") }
}

fn renamed(from: &str, to: &str) -> CategoryEvent {
    let name = Some(Change { from: name(from), to: name(to) });
    CategoryEvent::CategoryEdited { changes: CategoryChanges { name, description: None } }
}

fn create(by: Actor) -> CategoryCommand {
    let create = CreateCategory { name: name("Lamps"), description: description("Light.") };
    CategoryCommand::Create { by, create }
}

fn rename(by: Actor, to: &str) -> CategoryCommand {
    let edit = EditCategory { name: Given(Some(name(to))), description: Given(None) };
    CategoryCommand::Edit { by, edit }
}

fn delete(by: Actor) -> CategoryCommand {
    CategoryCommand::Delete { by }
}

const WRITERS: [Actor; 2] = [staff(ALICE), admin(ALICE)];
const OTHERS: [Actor; 4] = [end_user(ALICE), auditor(ALICE), SYSTEM, Actor::Anonymous];

#[test]
fn staff_and_admins_create_categories() {
    for by in WRITERS {
        TestFramework::<Category>::with(())
            .given_no_previous_events()
            .when(create(by))
            .then_expect_events(vec![created()]);
    }
}

#[test]
fn nobody_else_writes_categories() {
    for by in OTHERS {
        TestFramework::<Category>::with(())
            .given_no_previous_events()
            .when(create(by))
            .then_expect_error(CategoryError::Forbidden);
        for command in [rename(by, "Lighting"), rename(by, "Lamps"), delete(by)] {
            TestFramework::<Category>::with(())
                .given(vec![created()])
                .when(command)
                .then_expect_error(CategoryError::Forbidden);
        }
    }
}

#[test]
fn an_edit_records_from_what_to_what() {
    for by in WRITERS {
        TestFramework::<Category>::with(())
            .given(vec![created()])
            .when(rename(by, "Lighting"))
            .then_expect_events(vec![renamed("Lamps", "Lighting")]);
    }
}

#[test]
fn an_edit_of_both_members_is_one_event() {
    let whole = CreateCategory { name: name("Lighting"), description: description("") };

    TestFramework::<Category>::with(())
        .given(vec![created()])
        .when(CategoryCommand::Edit { by: staff(ALICE), edit: whole.into() })
        .then_expect_events(vec![CategoryEvent::CategoryEdited {
            changes: CategoryChanges {
                name: Some(Change { from: name("Lamps"), to: name("Lighting") }),
                description: Some(Change { from: description("Light."), to: description("") }),
            },
        }]);
}

#[test]
fn an_edit_that_changes_nothing_is_no_event() {
    let nothing = CategoryCommand::Edit { by: staff(ALICE), edit: EditCategory::default() };
    for command in [nothing, rename(staff(BOB), "Lamps")] {
        TestFramework::<Category>::with(())
            .given(vec![created()])
            .when(command)
            .then_expect_events(vec![]);
    }
}

#[test]
fn an_edit_sees_what_earlier_edits_left() {
    TestFramework::<Category>::with(())
        .given(vec![created(), renamed("Lamps", "Lighting")])
        .when(rename(staff(ALICE), "Lamps"))
        .then_expect_events(vec![renamed("Lighting", "Lamps")]);
}

#[test]
fn staff_and_admins_delete_categories() {
    for by in WRITERS {
        TestFramework::<Category>::with(())
            .given(vec![created()])
            .when(delete(by))
            .then_expect_events(vec![CategoryEvent::CategoryDeleted]);
    }
}

#[test]
fn what_is_not_there_is_neither_edited_nor_deleted() {
    for given in [vec![], vec![created(), CategoryEvent::CategoryDeleted]] {
        for command in [rename(admin(ALICE), "Lighting"), delete(admin(ALICE))] {
            TestFramework::<Category>::with(())
                .given(given.clone())
                .when(command)
                .then_expect_error(CategoryError::NotFound);
        }
    }
}

#[test]
fn a_category_is_created_once() {
    TestFramework::<Category>::with(())
        .given(vec![created()])
        .when(create(staff(ALICE)))
        .then_expect_events(vec![]);
}

#[test]
fn a_deleted_category_does_not_come_back() {
    TestFramework::<Category>::with(())
        .given(vec![created(), CategoryEvent::CategoryDeleted])
        .when(create(staff(ALICE)))
        .then_expect_error(CategoryError::NotFound);
}

#[test]
fn refusals_have_the_codes_of_the_contract() {
    for (error, code) in
        [(CategoryError::NotFound, "not_found"), (CategoryError::Forbidden, "permission_denied")]
    {
        assert_eq!(error.kind().1, code);
    }
}

#[test]
fn a_body_is_told_everything_that_is_wrong_with_it() {
    for (body, errors) in [
        (json!({ "name": "Lamps" }), json!({})),
        (json!({ "name": " Lamps ", "description": "" }), json!({})),
        (json!({ "name": "é".repeat(100), "description": "é".repeat(2000) }), json!({})),
        (json!({}), json!({ "name": ["This field is required."] })),
        (
            json!({ "name": " \t", "description": null, "colour": "red" }),
            json!({
                "name": ["This field may not be blank."],
                "description": ["This field may not be null."],
                "colour": ["Unknown field: leave it out."],
            }),
        ),
        (
            json!({ "name": "x".repeat(101), "description": "x".repeat(2001) }),
            json!({
                "name": ["At most 100 characters are allowed."],
                "description": ["At most 2000 characters are allowed."],
            }),
        ),
        (
            json!({ "name": "a\u{0}b", "description": 7 }),
            json!({
                "name": ["Null characters are not allowed."],
                "description": ["Wrong type: a string is expected."],
            }),
        ),
        (json!(["Lamps"]), json!({ "body": ["Wrong type: an object is expected."] })),
    ] {
        assert_eq!(wrong::<CreateCategory>(body.clone()), errors, "{body}");
    }
    assert_eq!(wrong::<EditCategory>(json!({})), json!({}), "an edit may leave everything out");
    assert_eq!(
        wrong::<EditCategory>(json!({ "name": null })),
        json!({ "name": ["This field may not be null."] })
    );
}

#[test]
fn names_that_look_the_same_fold_to_the_same() {
    for (one, other) in [("Lamps", "LAMPS"), ("Übung", "u\u{308}bung"), ("ﬁne", "FINE")] {
        assert_eq!(name(one).folded(), name(other).folded());
    }
}

fn commands() -> impl Strategy<Value = CategoryCommand> {
    let text = prop::sample::select(vec!["Lamps", "Lighting", "Chairs"]);
    prop_oneof![
        1 => anybody().prop_map(create),
        4 => (anybody(), text).prop_map(|(by, to)| rename(by, to)),
        1 => anybody().prop_map(delete),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_a_category_is_what_its_events_say(commands in prop::collection::vec(commands(), 0..30)) {
        let mut category = Category::default();
        let mut log = vec![];
        for command in commands {
            let (CategoryCommand::Create { by, .. } | CategoryCommand::Edit { by, .. } | CategoryCommand::Delete { by }) = command;
            for event in category.decide(command).unwrap_or_default() {
                prop_assert!(WRITERS.iter().any(|writer| writer.role() == by.role()));
                prop_assert_eq!(log.is_empty(), matches!(event, CategoryEvent::CategoryCreated { .. }));
                cqrs_es::Aggregate::apply(&mut category, event.clone());
                log.push(event);
            }
            prop_assert_eq!(&refolded::<Category>(&log), &category);
            prop_assert_eq!(category.version(), i64::try_from(log.len()).unwrap());
        }
    }
}
