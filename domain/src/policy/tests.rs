mod input;

use cqrs_es::test::TestFramework;
use uuid::Uuid;

use super::*;
use crate::testing::{ALICE, BOB, SYSTEM, admin, auditor, end_user, staff, wrong};
use crate::{Given, Patch, Refuse as _};

const OTHERS: [Actor; 5] =
    [end_user(ALICE), staff(ALICE), auditor(ALICE), SYSTEM, Actor::Anonymous];

const fn policy(number: u128) -> PolicyId {
    PolicyId::from_uuid(Uuid::from_u128(number))
}

const fn template_id(number: u128) -> TemplateId {
    TemplateId::from_uuid(Uuid::from_u128(number))
}

fn wording(title: &str, text: &str) -> PolicyWording {
    PolicyWording {
        title: PolicyTitle::try_new(title).unwrap(),
        text: PolicyText::try_new(text).unwrap(),
    }
}

fn returns() -> PolicyDetails {
    PolicyDetails {
        code: "RETURNS".parse().unwrap(),
        wording: wording("Returns", "Within 14 days."),
        severity: Severity::Low,
        parent: None,
        dsa_category: None,
        templates: vec![],
    }
}

fn template(id: u128, name: &str, body: &str) -> Template {
    Template {
        id: template_id(id),
        name: TemplateName::try_new(name).unwrap(),
        language: "en".parse().unwrap(),
        body: TemplateBody::try_new(body).unwrap(),
    }
}

fn input(id: Option<u128>, name: &str, body: &str) -> TemplateInput {
    let Template { name, language, body, .. } = template(0, name, body);
    TemplateInput { id: id.map(template_id), name, language, body }
}

// What has happened.

fn created() -> PolicyEvent {
    PolicyEvent::PolicyCreated { details: returns() }
}

fn reworded(from: PolicyWording, to: PolicyWording) -> PolicyEvent {
    PolicyEvent::PolicyReworded { code: returns().code, from, to }
}

fn templates(from: Vec<Template>, to: Vec<Template>) -> PolicyEvent {
    let templates = Some(Change { from, to });
    PolicyEvent::PolicyEdited { changes: PolicyChanges { templates, ..PolicyChanges::default() } }
}

// What is asked for.

fn create(by: Actor) -> PolicyCommand {
    let PolicyDetails { code, wording: PolicyWording { title, text }, severity, .. } = returns();
    let (parent, dsa_category, templates) = (None, None, TemplateInputs::default());
    let create = CreatePolicy { code, title, text, severity, parent, dsa_category, templates };
    PolicyCommand::Create { by, create, ids: vec![] }
}

fn edit(by: Actor, edit: EditPolicy) -> PolicyCommand {
    PolicyCommand::Edit { by, edit, ids: vec![] }
}

fn retitle(by: Actor, to: &str) -> PolicyCommand {
    let title = Given(Some(wording(to, "…").title));
    edit(by, EditPolicy { title, ..EditPolicy::default() })
}

fn retire(by: Actor, retired: bool) -> PolicyCommand {
    edit(by, EditPolicy { retired: Given(Some(retired)), ..EditPolicy::default() })
}

fn give_templates(inputs: Vec<TemplateInput>) -> PolicyCommand {
    let templates = Given(Some(TemplateInputs(inputs)));
    let edit = EditPolicy { templates, ..EditPolicy::default() };
    PolicyCommand::Edit { by: admin(ALICE), edit, ids: vec![template_id(100), template_id(101)] }
}

fn delete(by: Actor) -> PolicyCommand {
    PolicyCommand::Delete { by }
}

#[test]
fn an_admin_creates_rewords_retires_and_deletes_policies() {
    let by = admin(ALICE);
    let (had, has) = (wording("Returns", "Within 14 days."), wording("Refunds", "Within 14 days."));
    for (given, command, event) in [
        (vec![], create(by), created()),
        (vec![created()], retitle(by, "Refunds"), reworded(had.clone(), has.clone())),
        (
            vec![created(), reworded(had.clone(), has.clone())],
            retitle(by, "Returns"),
            reworded(has, had),
        ),
        (vec![created()], retire(by, true), PolicyEvent::PolicyRetired),
        (
            vec![created(), PolicyEvent::PolicyRetired],
            retire(by, false),
            PolicyEvent::PolicyReinstated,
        ),
        (vec![created()], delete(by), PolicyEvent::PolicyDeleted),
    ] {
        TestFramework::<Policy>::with(())
            .given(given)
            .when(command)
            .then_expect_events(vec![event]);
    }
}

#[test]
fn nobody_else_writes_policies() {
    for by in OTHERS {
        TestFramework::<Policy>::with(())
            .given_no_previous_events()
            .when(create(by))
            .then_expect_error(PolicyError::Forbidden);
        for command in [retitle(by, "Refunds"), retire(by, true), delete(by)] {
            TestFramework::<Policy>::with(())
                .given(vec![created()])
                .when(command)
                .then_expect_error(PolicyError::Forbidden);
        }
    }
}

#[test]
fn what_is_changed_besides_the_wording_is_an_event_of_its_own() {
    let change = EditPolicy {
        severity: Given(Some(Severity::High)),
        parent: Patch::Set(policy(7)),
        dsa_category: Patch::Set(DsaCategory::try_new("UNSAFE_AND_PROHIBITED_PRODUCTS").unwrap()),
        text: Given(Some(wording("…", "Within 30 days.").text)),
        ..EditPolicy::default()
    };
    let changes = PolicyChanges {
        severity: Some(Change { from: Severity::Low, to: Severity::High }),
        parent: Some(Change { from: None, to: Some(policy(7)) }),
        dsa_category: Some(Change {
            from: None,
            to: Some(DsaCategory::try_new("UNSAFE_AND_PROHIBITED_PRODUCTS").unwrap()),
        }),
        templates: None,
    };
    let to = wording("Returns", "Within 30 days.");

    TestFramework::<Policy>::with(())
        .given(vec![created()])
        .when(edit(admin(ALICE), change))
        .then_expect_events(vec![
            reworded(returns().wording, to),
            PolicyEvent::PolicyEdited { changes },
        ]);
}

#[test]
fn a_template_keeps_its_id_by_its_id_or_by_name_and_language() {
    let had = vec![template(1, "Late", "It is {days} days."), template(2, "Used", "It was used.")];
    let given = || vec![created(), templates(vec![], had.clone())];

    TestFramework::<Policy>::with(())
        .given(given())
        .when(give_templates(vec![
            input(None, "Late", "Too late."),
            input(Some(2), "Was used", "It was used."),
            input(None, "New", "Something else."),
        ]))
        .then_expect_events(vec![templates(
            had.clone(),
            vec![
                template(1, "Late", "Too late."),
                template(2, "Was used", "It was used."),
                template(100, "New", "Something else."),
            ],
        )]);
    TestFramework::<Policy>::with(())
        .given(given())
        .when(give_templates(vec![
            input(None, "Late", "It is {days} days."),
            input(None, "Used", "It was used."),
        ]))
        .then_expect_events(vec![]);
    TestFramework::<Policy>::with(())
        .given(given())
        .when(give_templates(vec![input(None, "Late", "A."), input(Some(1), "Other", "B.")]))
        .then_expect_events(vec![templates(
            had.clone(),
            vec![template(100, "Late", "A."), template(1, "Other", "B.")],
        )]);
}

#[test]
fn what_is_already_so_is_no_event() {
    let nothing = edit(admin(ALICE), EditPolicy::default());
    for command in
        [nothing, retitle(admin(BOB), "Returns"), retire(admin(BOB), false), create(admin(ALICE))]
    {
        TestFramework::<Policy>::with(())
            .given(vec![created()])
            .when(command)
            .then_expect_events(vec![]);
    }
}

#[test]
fn what_is_not_there_is_neither_edited_nor_deleted() {
    for given in [vec![], vec![created(), PolicyEvent::PolicyDeleted]] {
        for command in [retitle(admin(ALICE), "Refunds"), delete(admin(ALICE))] {
            TestFramework::<Policy>::with(())
                .given(given.clone())
                .when(command)
                .then_expect_error(PolicyError::NotFound);
        }
    }
}

#[test]
fn decisions_can_name_a_policy_that_is_not_retired() {
    let after = |events: Vec<PolicyEvent>| {
        crate::replay(Policy::default(), events.into_iter().map(Into::into)).unwrap()
    };
    let retired = vec![created(), PolicyEvent::PolicyRetired];
    let reinstated = [retired.clone(), vec![PolicyEvent::PolicyReinstated]].concat();
    for (events, exists, can_be_cited) in [
        (vec![], false, false),
        (vec![created()], true, true),
        (retired, true, false),
        (reinstated, true, true),
        (vec![created(), PolicyEvent::PolicyDeleted], false, false),
    ] {
        let policy = after(events);
        assert_eq!((policy.exists(), policy.can_be_cited()), (exists, can_be_cited));
    }
}

#[test]
fn refusals_have_the_codes_of_the_contract() {
    for (error, code) in
        [(PolicyError::NotFound, "not_found"), (PolicyError::Forbidden, "permission_denied")]
    {
        assert_eq!(error.kind().1, code);
    }
}

#[test]
fn policies_stand_below_others_that_exist_and_never_below_themselves() {
    let found = |numbers: &[u128]| Ancestors {
        ids: numbers.iter().copied().map(policy).collect(),
        missing: false,
    };
    for right in [found(&[]), found(&[2]), found(&[2, 3, 4, 5, 6])] {
        assert!(right.wrong_for(policy(1)).is_empty());
    }
    let missing = Ancestors { ids: vec![], missing: true };
    for wrong in [missing, found(&[1]), found(&[2, 3, 1]), found(&[2, 3, 4, 5, 6, 7])] {
        assert_eq!(wrong.wrong_for(policy(1)).fields().collect::<Vec<_>>(), ["parent"]);
    }
}
