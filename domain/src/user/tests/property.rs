//! Whatever anybody asks, in whatever order.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::Aggregate as _;

fn addresses() -> impl Strategy<Value = Personal> {
    select(vec!["alice@example.org", "alice@example.com", "alice@example.net"]).prop_map(address)
}

fn commands() -> impl Strategy<Value = UserCommand> {
    let role = || select(Role::ALL.to_vec());
    prop_oneof![
        1 => (addresses(), role()).prop_map(|(email, role)| UserCommand::Register { email, role }),
        1 => Just(UserCommand::NoteRepeatedRegistration),
        1 => Just(UserCommand::RequestActivation),
        2 => Just(UserCommand::Activate),
        2 => addresses().prop_map(|email| UserCommand::RequestEmailChange { email }),
        2 => Just(UserCommand::ConfirmEmailChange),
        2 => Just(UserCommand::RequestPasswordReset),
        2 => (0..4u32).prop_map(|generation| UserCommand::ResetPassword { generation }),
        2 => (0..4u32).prop_map(|generation| UserCommand::ChangePassword { generation }),
        1 => (0..9i64).prop_map(|change| UserCommand::UndoEmailChange { change }),
        1 => Just(UserCommand::RequirePasswordChange),
        1 => Just(UserCommand::EndAllSessions),
        2 => Just(UserCommand::EnableSecondFactor),
        1 => Just(UserCommand::DisableSecondFactor),
        1 => Just(UserCommand::ResetSecondFactor),
        1 => Just(UserCommand::ReplaceRecoveryCodes),
        1 => (0..3u128).prop_map(|number| UserCommand::EndSession { session: session(number) }),
        1 => Just(UserCommand::RequestErasure),
        1 => Just(UserCommand::Erase),
        5 => (anybody(), option::of(role()), option::of(any::<bool>()))
            .prop_map(|(by, role, is_active)| manage(by, role, is_active)),
    ]
}

/// What the log says without the aggregate's help.
fn role(log: &[UserEvent]) -> Option<Role> {
    use UserEvent as E;
    log.iter().filter(|_| !erased(log)).rev().find_map(|event| match event {
        E::UserRegistered { role, .. } => Some(*role),
        E::RoleChanged { to, .. } => Some(*to),
        _ => None,
    })
}

fn erased(log: &[UserEvent]) -> bool {
    log.contains(&UserEvent::ErasureRequested)
}

fn shut(log: &[UserEvent]) -> bool {
    use UserEvent as E;
    let last = log.iter().rev().find(|e| matches!(e, E::UserDeactivated | E::UserReactivated));
    last == Some(&E::UserDeactivated)
}

/// Whether the last event about a second factor left one in force.
fn has_factor(log: &[UserEvent]) -> bool {
    use UserEvent as E;
    // The sequence of the one that is in force; what came after a change that was undone is not.
    let in_force = (1..).zip(log).fold(None, |in_force, (sequence, event)| match event {
        E::SecondFactorEnabled => Some(sequence),
        E::SecondFactorDisabled | E::SecondFactorReset => None,
        E::EmailRestored { change, .. } => in_force.filter(|since| since <= change),
        _ => in_force,
    });
    in_force.is_some()
}

fn passwords(log: &[UserEvent]) -> u32 {
    use UserEvent as E;
    let set = log
        .iter()
        .filter(|e| matches!(e, E::PasswordChanged | E::PasswordReset | E::EmailRestored { .. }));
    u32::try_from(set.count()).unwrap()
}

fn email(log: &[UserEvent]) -> Option<&Personal> {
    use UserEvent as E;
    log.iter().filter(|_| !erased(log)).rev().find_map(|event| match event {
        E::UserRegistered { email, .. }
        | E::EmailChanged { email }
        | E::EmailRestored { email, .. } => Some(email),
        _ => None,
    })
}

/// What may be confirmed: asked for after the last act that ended access.
fn email_last_asked_for(log: &[UserEvent]) -> Option<&Personal> {
    use UserEvent as E;
    let since = log.iter().rev().take_while(|event| event.ends_access().is_none());
    since.into_iter().find_map(|event| match event {
        E::EmailChangeRequested { email } => Some(email),
        _ => None,
    })
}

/// The sequence of the last act that ended access.
fn access_generation(log: &[UserEvent]) -> i64 {
    let last = log.iter().rposition(|event| event.ends_access().is_some());
    last.map_or(0, |index| i64::try_from(index + 1).unwrap())
}

/// The address before the change at a sequence.
fn email_before(log: &[UserEvent], change: i64) -> Option<&Personal> {
    let before = usize::try_from(change - 1).unwrap();
    matches!(log.get(before), Some(UserEvent::EmailChanged { .. }))
        .then(|| email(&log[..before]))?
}

/// What may follow on what, asked by whom.
fn check(log: &[UserEvent], command: &UserCommand, event: &UserEvent) -> Result<(), TestCaseError> {
    use {UserCommand as C, UserEvent as E};
    let managed = matches!(command, C::Manage { by, .. } if by.has(Role::Admin) && !by.is(ALICE));
    prop_assert!(!log.contains(&E::PersonErased));
    prop_assert_eq!(erased(log), *event == E::PersonErased);
    match event {
        E::UserRegistered { .. } => prop_assert!(log.is_empty()),
        E::ErasureRequested => prop_assert!(matches!(command, C::RequestErasure)),
        E::PersonErased => prop_assert!(matches!(command, C::Erase)),
        E::RoleChanged { from, to } => {
            prop_assert!(managed && from != to);
            prop_assert_eq!(Some(*from), role(log));
        }
        E::UserDeactivated => prop_assert!(managed && !shut(log)),
        E::UserReactivated => prop_assert!(managed && shut(log)),
        E::UserActivated => prop_assert!(!log.contains(&E::UserActivated)),
        E::ActivationRequested => prop_assert!(!log.contains(&E::UserActivated)),
        E::EmailChanged { email } => {
            prop_assert!(matches!(command, C::ConfirmEmailChange));
            prop_assert_eq!(Some(email), email_last_asked_for(log));
        }
        E::PasswordResetRequested { generation } => {
            prop_assert!(!shut(log) && *generation == passwords(log));
        }
        E::PasswordReset => {
            let current = passwords(log);
            let link = matches!(command, C::ResetPassword { generation } if *generation == current);
            prop_assert!(link);
        }
        E::PasswordChanged => {
            let current = passwords(log);
            let known =
                matches!(command, C::ChangePassword { generation } if *generation == current);
            prop_assert!(known);
        }
        E::EmailRestored { email, change } => {
            prop_assert_eq!(Some(email), email_before(log, *change));
            let since = &log[usize::try_from(*change).unwrap()..];
            let undone = since.iter().any(|event| {
                matches!(event, E::EmailRestored { change: earlier, .. } if earlier <= change)
            });
            prop_assert!(!undone);
        }
        E::SecondFactorEnabled => prop_assert!(!has_factor(log)),
        E::SecondFactorDisabled | E::SecondFactorReset | E::RecoveryCodesReplaced => {
            prop_assert!(has_factor(log));
        }
        E::RegistrationRepeated
        | E::EmailChangeRequested { .. }
        | E::SessionEnded { .. }
        | E::AllSessionsEnded
        | E::PasswordChangeRequired => {}
    }
    prop_assert_eq!(log.is_empty(), matches!(event, E::UserRegistered { .. }));
    Ok(())
}

proptest! {
    #[test]
    fn no_sequence_of_commands_reaches_a_forbidden_state(
        first in option::weighted(0.9, Just(register())),
        commands in vec(commands(), 0..40),
    ) {
        let mut user = User::default();
        let mut log = vec![];
        for command in first.into_iter().chain(commands) {
            let events = user.decide(command.clone()).unwrap_or_default();

            for event in events {
                check(&log, &command, &event)?;
                cqrs_es::Aggregate::apply(&mut user, event.clone());
                log.push(event);
            }
            prop_assert_eq!(&refolded::<User>(&log), &user);
            prop_assert_eq!(user.version(), i64::try_from(log.len()).unwrap());
            let account = user.account();
            prop_assert_eq!(account.map(|account| account.role), role(&log));
            prop_assert_eq!(account.map(|account| &account.email), email(&log));
            let generation = account.map(|account| account.access_generation);
            prop_assert_eq!(generation, account.map(|_| access_generation(&log)));
            let factor = account.map(|account| account.has_second_factor);
            prop_assert_eq!(factor, account.map(|_| has_factor(&log)));
            let active =
                log.contains(&UserEvent::UserActivated) && !shut(&log) && !erased(&log);
            prop_assert_eq!(account.is_some_and(Account::is_active), active);
        }
    }
}
