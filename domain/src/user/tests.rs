//! Given, when, then: an account's facts and commands, as the tests in `tests/` name them.

mod accounts;
mod input;
mod managing;
mod property;

use cqrs_es::test::{AggregateTestExecutor, TestFramework};

use super::*;
use crate::testing::{
    ALICE, BOB, CAROL, SYSTEM, admin, anybody, auditor, end_user, refolded, staff, wrong,
};
use crate::{Given, SessionId};

fn address(text: &str) -> Personal {
    Personal::new(ALICE, text)
}

fn registered() -> UserEvent {
    UserEvent::UserRegistered { email: address("alice@example.org"), role: Role::EndUser }
}

fn change_requested(text: &str) -> UserEvent {
    UserEvent::EmailChangeRequested { email: address(text) }
}

fn email_changed(text: &str) -> UserEvent {
    UserEvent::EmailChanged { email: address(text) }
}

fn inactive() -> Vec<UserEvent> {
    vec![registered()]
}

fn active() -> Vec<UserEvent> {
    vec![registered(), UserEvent::UserActivated]
}

fn deactivated() -> Vec<UserEvent> {
    vec![registered(), UserEvent::UserActivated, UserEvent::UserDeactivated]
}

fn after(before: Vec<UserEvent>, event: UserEvent) -> Vec<UserEvent> {
    [before, vec![event]].concat()
}

fn register() -> UserCommand {
    UserCommand::Register { email: address("alice@example.org"), role: Role::EndUser }
}

fn session(number: u128) -> SessionId {
    SessionId::from_uuid(uuid::Uuid::from_u128(number))
}

/// Somebody manages Alice's account.
fn manage(by: Actor, role: Option<Role>, is_active: Option<bool>) -> UserCommand {
    let manage = ManageUser { role: Given(role), is_active: Given(is_active) };
    UserCommand::Manage { by, user: ALICE, manage }
}

fn given(events: Vec<UserEvent>) -> AggregateTestExecutor<User> {
    TestFramework::<User>::with(()).given(events)
}
