use super::*;

#[test]
fn nothing_is_left_of_an_account_whose_person_was_erased() {
    let asked = after(active(), UserEvent::ErasureRequested);
    given(active())
        .when(UserCommand::RequestErasure)
        .then_expect_events(vec![UserEvent::ErasureRequested]);
    given(asked.clone()).when(UserCommand::Erase).then_expect_events(vec![UserEvent::PersonErased]);
    for events in [asked.clone(), after(asked, UserEvent::PersonErased)] {
        given(events)
            .when(UserCommand::ChangePassword { generation: 0 })
            .then_expect_error(UserError::NotFound);
    }
}

#[test]
fn an_erasure_is_asked_for_once_and_carried_out_once() {
    let asked = after(active(), UserEvent::ErasureRequested);
    given(asked.clone()).when(UserCommand::RequestErasure).then_expect_events(vec![]);
    given(active()).when(UserCommand::Erase).then_expect_error(UserError::NotFound);
    for command in [UserCommand::RequestErasure, UserCommand::Erase] {
        given(after(asked.clone(), UserEvent::PersonErased))
            .when(command)
            .then_expect_error(UserError::NotFound);
    }
}

#[test]
fn an_account_is_made_with_the_role_that_it_is_given() {
    for role in Role::ALL {
        let email = address("alice@example.org");
        given(vec![])
            .when(UserCommand::Register { email: email.clone(), role })
            .then_expect_events(vec![UserEvent::UserRegistered { email, role }]);
    }
}

#[test]
fn an_account_is_made_once() {
    for events in [inactive(), active(), deactivated()] {
        given(events).when(register()).then_expect_events(vec![]);
    }
}

#[test]
fn an_account_that_does_not_exist_does_nothing() {
    for command in [
        UserCommand::NoteRepeatedRegistration,
        UserCommand::RequestActivation,
        UserCommand::Activate,
        UserCommand::RequestEmailChange { email: address("alice@example.com") },
        UserCommand::ConfirmEmailChange,
        UserCommand::RequestPasswordReset,
        UserCommand::ResetPassword { generation: 0 },
        UserCommand::ChangePassword { generation: 0 },
        UserCommand::UndoEmailChange { change: 3 },
        UserCommand::RequirePasswordChange,
        UserCommand::EndAllSessions,
        UserCommand::EnableSecondFactor,
        UserCommand::DisableSecondFactor,
        UserCommand::ResetSecondFactor,
        UserCommand::ReplaceRecoveryCodes,
        UserCommand::EndSession { session: session(1) },
        manage(admin(BOB), Some(Role::Staff), None),
    ] {
        given(vec![]).when(command).then_expect_error(UserError::NotFound);
    }
}

#[test]
fn a_repeated_registration_is_noted_each_time() {
    let noted = UserEvent::RegistrationRepeated;
    for events in [inactive(), active(), deactivated(), after(active(), noted.clone())] {
        given(events)
            .when(UserCommand::NoteRepeatedRegistration)
            .then_expect_events(vec![noted.clone()]);
    }
}

#[test]
fn another_activation_mail_is_due_until_the_address_is_confirmed() {
    let requested = UserEvent::ActivationRequested;
    for (events, expected) in [
        (inactive(), vec![requested.clone()]),
        (after(inactive(), requested.clone()), vec![requested]),
        (active(), vec![]),
        (deactivated(), vec![]),
    ] {
        given(events).when(UserCommand::RequestActivation).then_expect_events(expected);
    }
}

#[test]
fn a_second_click_on_the_activation_link_is_no_event() {
    given(inactive())
        .when(UserCommand::Activate)
        .then_expect_events(vec![UserEvent::UserActivated]);
    given(active()).when(UserCommand::Activate).then_expect_events(vec![]);
}

#[test]
fn a_second_factor_is_set_up_once_and_taken_away_once() {
    let enabled = after(active(), UserEvent::SecondFactorEnabled);
    for (events, command, expected) in [
        (active(), UserCommand::EnableSecondFactor, vec![UserEvent::SecondFactorEnabled]),
        (active(), UserCommand::DisableSecondFactor, vec![]),
        (active(), UserCommand::ResetSecondFactor, vec![]),
        (enabled.clone(), UserCommand::DisableSecondFactor, vec![UserEvent::SecondFactorDisabled]),
        (enabled.clone(), UserCommand::ResetSecondFactor, vec![UserEvent::SecondFactorReset]),
        (
            enabled.clone(),
            UserCommand::ReplaceRecoveryCodes,
            vec![UserEvent::RecoveryCodesReplaced],
        ),
    ] {
        given(events).when(command).then_expect_events(expected);
    }
    given(enabled)
        .when(UserCommand::EnableSecondFactor)
        .then_expect_error(UserError::SecondFactorEnabled);
    given(active())
        .when(UserCommand::ReplaceRecoveryCodes)
        .then_expect_error(UserError::NoSecondFactor);
}

#[test]
fn a_password_that_is_set_by_a_link_leaves_the_second_factor_in_force() {
    let events = after(after(active(), UserEvent::SecondFactorEnabled), UserEvent::PasswordReset);

    let user: User = refolded(&events);

    assert!(user.account().unwrap().has_second_factor);
}

#[test]
fn an_activation_link_does_not_open_what_an_admin_shut() {
    given(deactivated()).when(UserCommand::Activate).then_expect_events(vec![]);
}

#[test]
fn a_new_address_waits_for_its_confirmation() {
    given(active())
        .when(UserCommand::RequestEmailChange { email: address("alice@example.com") })
        .then_expect_events(vec![change_requested("alice@example.com")]);

    let user: User = refolded(&after(active(), change_requested("alice@example.com")));
    let account = user.account().unwrap();
    assert_eq!(account.email.text(), Some("alice@example.org"));
    assert_eq!(account.new_email.as_ref().unwrap().text(), Some("alice@example.com"));
}

#[test]
fn the_latest_new_address_is_the_one_that_is_confirmed() {
    let first = change_requested("alice@example.com");
    let second = change_requested("alice@example.net");
    for (events, expected) in [
        (after(active(), first.clone()), vec![email_changed("alice@example.com")]),
        (after(after(active(), first.clone()), second), vec![email_changed("alice@example.net")]),
        (after(after(active(), first), email_changed("alice@example.com")), vec![]),
        (active(), vec![]),
    ] {
        given(events).when(UserCommand::ConfirmEmailChange).then_expect_events(expected);
    }
}

#[test]
fn a_confirmed_address_is_the_accounts() {
    let events = after(active(), change_requested("alice@example.com"));

    let user: User = refolded(&after(events, email_changed("alice@example.com")));

    let account = user.account().unwrap();
    assert_eq!(account.email.text(), Some("alice@example.com"));
    assert_eq!(account.new_email, None);
}

#[test]
fn a_reset_link_names_the_password_that_it_replaces() {
    for (events, generation) in [
        (active(), 0),
        (inactive(), 0),
        (after(active(), UserEvent::PasswordChanged), 1),
        (after(after(active(), UserEvent::PasswordChanged), UserEvent::PasswordReset), 2),
    ] {
        given(events)
            .when(UserCommand::RequestPasswordReset)
            .then_expect_events(vec![UserEvent::PasswordResetRequested { generation }]);
    }
}

#[test]
fn no_reset_link_is_sent_to_an_account_that_an_admin_shut() {
    given(deactivated()).when(UserCommand::RequestPasswordReset).then_expect_events(vec![]);
}

#[test]
fn a_reset_link_works_once_and_not_after_the_password_was_changed() {
    given(active())
        .when(UserCommand::ResetPassword { generation: 0 })
        .then_expect_events(vec![UserEvent::PasswordReset]);
    for used in [UserEvent::PasswordReset, UserEvent::PasswordChanged] {
        given(after(active(), used))
            .when(UserCommand::ResetPassword { generation: 0 })
            .then_expect_error(UserError::StaleReset);
    }
    given(active())
        .when(UserCommand::ResetPassword { generation: 1 })
        .then_expect_error(UserError::StaleReset);
}

#[test]
fn a_reset_link_confirms_the_address_that_it_was_sent_to() {
    given(inactive())
        .when(UserCommand::ResetPassword { generation: 0 })
        .then_expect_events(vec![UserEvent::PasswordReset, UserEvent::UserActivated]);
}

#[test]
fn a_reset_link_does_not_open_what_an_admin_shut() {
    given(deactivated())
        .when(UserCommand::ResetPassword { generation: 0 })
        .then_expect_events(vec![UserEvent::PasswordReset]);
}

#[test]
fn a_password_is_changed_once_by_each_password_that_was_given() {
    let changed = after(active(), UserEvent::PasswordChanged);
    for (events, generation) in [(active(), 0), (changed.clone(), 1)] {
        given(events)
            .when(UserCommand::ChangePassword { generation })
            .then_expect_events(vec![UserEvent::PasswordChanged]);
    }
    given(changed)
        .when(UserCommand::ChangePassword { generation: 0 })
        .then_expect_error(UserError::StalePassword);
}

/// Every event that ends access, after an account was made and activated.
fn endings() -> [UserEvent; 9] {
    [
        UserEvent::PasswordChanged,
        UserEvent::PasswordReset,
        UserEvent::RoleChanged { from: Role::EndUser, to: Role::Staff },
        UserEvent::UserDeactivated,
        UserEvent::AllSessionsEnded,
        UserEvent::SecondFactorEnabled,
        UserEvent::SecondFactorDisabled,
        UserEvent::SecondFactorReset,
        UserEvent::EmailRestored { email: address("alice@example.net"), change: 2 },
    ]
}

#[test]
fn the_access_generation_is_the_sequence_of_the_newest_event_that_ended_access() {
    for ending in endings() {
        let harmless = UserEvent::SessionEnded { session: session(1) };
        let events = after(after(after(active(), harmless.clone()), ending.clone()), harmless);

        let user: User = refolded(&events);

        assert_eq!(user.account().unwrap().access_generation, 4, "{ending:?}");
    }
}

#[test]
fn a_change_of_address_that_waits_is_given_up_when_access_ends() {
    let waiting = after(active(), change_requested("thief@example.com"));
    for ending in endings() {
        given(after(waiting.clone(), ending))
            .when(UserCommand::ConfirmEmailChange)
            .then_expect_events(vec![]);
    }
}

#[test]
fn a_former_address_is_restored_once_and_later_ones_not_after_that() {
    let moved = after(active(), email_changed("b@example.com"));
    let moved_twice = after(moved, email_changed("c@example.com"));
    let restored = UserEvent::EmailRestored { email: address("alice@example.org"), change: 3 };
    given(moved_twice.clone())
        .when(UserCommand::UndoEmailChange { change: 3 })
        .then_expect_events(vec![restored.clone()]);
    for change in [3, 4] {
        given(after(moved_twice.clone(), restored.clone()))
            .when(UserCommand::UndoEmailChange { change })
            .then_expect_error(UserError::StaleUndo);
    }

    let user: User = refolded(&after(moved_twice, restored));
    assert_eq!(user.account().unwrap().email.text(), Some("alice@example.org"));
}

#[test]
fn a_restored_address_leaves_no_password_and_no_second_factor_of_since_then() {
    let factor = UserEvent::SecondFactorEnabled;
    let restored =
        |change| UserEvent::EmailRestored { email: address("alice@example.org"), change };
    let before = after(after(active(), factor.clone()), email_changed("thief@example.com"));
    let since = after(after(active(), email_changed("thief@example.com")), factor);
    for (events, change, kept) in [(before, 4, true), (since, 3, false)] {
        let user: User = refolded(&after(events, restored(change)));
        let account = user.account().unwrap();
        assert_eq!((account.has_second_factor, account.password_generation), (kept, 1));
    }
}

#[test]
fn an_earlier_address_can_still_be_restored_after_a_later_change_was_undone() {
    let moved = after(active(), email_changed("thief@example.com"));
    let moved_twice = after(moved, email_changed("c@example.com"));
    let undone = UserEvent::EmailRestored { email: address("thief@example.com"), change: 4 };
    given(after(moved_twice, undone))
        .when(UserCommand::UndoEmailChange { change: 3 })
        .then_expect_events(vec![UserEvent::EmailRestored {
            email: address("alice@example.org"),
            change: 3,
        }]);
}

#[test]
fn a_required_change_of_the_password_is_met_by_any_new_password() {
    given(active())
        .when(UserCommand::RequirePasswordChange)
        .then_expect_events(vec![UserEvent::PasswordChangeRequired]);
    let required = after(active(), UserEvent::PasswordChangeRequired);
    given(required.clone()).when(UserCommand::RequirePasswordChange).then_expect_events(vec![]);
    for new in [UserEvent::PasswordChanged, UserEvent::PasswordReset] {
        let user: User = refolded(&after(required.clone(), new));
        assert!(!user.account().unwrap().must_change_password);
    }
}

#[test]
fn an_activation_link_does_not_open_what_an_admin_shut_before_it_was_used() {
    let shut = after(inactive(), UserEvent::UserDeactivated);
    given(shut.clone()).when(UserCommand::Activate).then_expect_error(UserError::NotFound);
    given(shut).when(UserCommand::RequestActivation).then_expect_events(vec![]);
}

#[test]
fn a_session_is_ended_by_its_id() {
    given(active())
        .when(UserCommand::EndSession { session: session(7) })
        .then_expect_events(vec![UserEvent::SessionEnded { session: session(7) }]);
}

#[test]
fn an_account_is_active_once_activated_and_while_not_shut() {
    let reactivated = after(deactivated(), UserEvent::UserReactivated);
    for (events, expected) in
        [(inactive(), false), (active(), true), (deactivated(), false), (reactivated, true)]
    {
        let user: User = refolded(&events);

        assert_eq!(user.account().unwrap().is_active(), expected, "{events:?}");
    }
}

#[test]
fn refusals_have_the_kinds_and_codes_of_the_contract() {
    use crate::{FieldErrors, RefusalKind as Kind, Refuse as _};
    for (error, kind, code) in [
        (UserError::NotFound, Kind::NotFound, "not_found"),
        (UserError::Forbidden, Kind::Forbidden, "permission_denied"),
        (UserError::OwnAccount, Kind::Forbidden, "own_account"),
        (UserError::StaleReset, Kind::Invalid(FieldErrors::default()), "invalid_reset_link"),
        (UserError::SecondFactorEnabled, Kind::Conflict, "second_factor_enabled"),
        (UserError::NoSecondFactor, Kind::Conflict, "second_factor_not_enabled"),
        (UserError::StaleUndo, Kind::Invalid(FieldErrors::default()), "invalid_undo_link"),
        (
            UserError::StalePassword,
            Kind::Invalid(FieldErrors::one("current_password", "This is not your password.")),
            "invalid_input",
        ),
    ] {
        assert_eq!(error.kind(), (kind, code));
    }
}

#[test]
fn neither_passwords_nor_addresses_are_written_to_logs() {
    let password: ChangePassword = crate::read(serde_json::json!({
        "current_password": "hunter2",
        "new_password": "correct horse",
    }))
    .unwrap();
    let email: crate::EmailAddress = "alice@example.org".parse().unwrap();

    let logged = format!("{:?} {email:?} {:?}", password.new_password, registered());

    assert!(!logged.contains("horse") && !logged.contains("alice"), "{logged}");
}
