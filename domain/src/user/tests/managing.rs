use super::*;

fn role_changed(from: Role, to: Role) -> UserEvent {
    UserEvent::RoleChanged { from, to }
}

#[test]
fn an_admin_gives_another_role() {
    for to in [Role::Staff, Role::Admin, Role::Auditor] {
        given(active())
            .when(manage(admin(BOB), Some(to), None))
            .then_expect_events(vec![role_changed(Role::EndUser, to)]);
    }
}

#[test]
fn a_role_is_changed_from_the_one_that_was_given_last() {
    given(after(active(), role_changed(Role::EndUser, Role::Staff)))
        .when(manage(admin(BOB), Some(Role::EndUser), None))
        .then_expect_events(vec![role_changed(Role::Staff, Role::EndUser)]);
}

#[test]
fn an_admin_shuts_accounts_and_opens_them_again() {
    for (events, is_active, expected) in [
        (active(), false, vec![UserEvent::UserDeactivated]),
        (deactivated(), true, vec![UserEvent::UserReactivated]),
        (inactive(), true, vec![UserEvent::UserActivated]),
        (inactive(), false, vec![UserEvent::UserDeactivated]),
    ] {
        given(events).when(manage(admin(BOB), None, Some(is_active))).then_expect_events(expected);
    }
}

#[test]
fn role_and_access_change_together() {
    given(active()).when(manage(admin(BOB), Some(Role::Staff), Some(false))).then_expect_events(
        vec![role_changed(Role::EndUser, Role::Staff), UserEvent::UserDeactivated],
    );
}

#[test]
fn what_is_so_already_is_no_event() {
    for (events, role, is_active) in [
        (active(), None, None),
        (active(), Some(Role::EndUser), None),
        (active(), Some(Role::EndUser), Some(true)),
        (deactivated(), None, Some(false)),
    ] {
        given(events).when(manage(admin(BOB), role, is_active)).then_expect_events(vec![]);
    }
}

#[test]
fn nobody_but_an_admin_manages_accounts() {
    for by in [
        end_user(ALICE),
        staff(ALICE),
        auditor(ALICE),
        end_user(BOB),
        staff(BOB),
        auditor(BOB),
        SYSTEM,
        Actor::Anonymous,
    ] {
        for (role, is_active) in
            [(Some(Role::Admin), None), (None, Some(false)), (None, Some(true)), (None, None)]
        {
            given(active())
                .when(manage(by, role, is_active))
                .then_expect_error(UserError::Forbidden);
        }
    }
}

#[test]
fn nobody_changes_their_own_role_or_access() {
    let alice_is_admin = after(active(), role_changed(Role::EndUser, Role::Admin));
    for (role, is_active) in
        [(Some(Role::EndUser), None), (None, Some(false)), (Some(Role::Admin), Some(false))]
    {
        given(alice_is_admin.clone())
            .when(manage(admin(ALICE), role, is_active))
            .then_expect_error(UserError::OwnAccount);
    }
}

#[test]
fn an_admin_may_send_back_their_own_role_and_access_as_they_are() {
    given(after(active(), role_changed(Role::EndUser, Role::Admin)))
        .when(manage(admin(ALICE), Some(Role::Admin), Some(true)))
        .then_expect_events(vec![]);
}

#[test]
fn a_role_tells_who_moderates_and_who_sees_everything() {
    for (role, moderates, sees_everything) in [
        (Role::EndUser, false, false),
        (Role::Staff, true, true),
        (Role::Admin, true, true),
        (Role::Auditor, false, true),
    ] {
        let actor = Actor::User { id: CAROL, role };
        assert_eq!((actor.moderates(), actor.sees_everything()), (moderates, sees_everything));
        assert_eq!((role.moderates(), role.sees_everything()), (moderates, sees_everything));
    }
    assert!(!SYSTEM.moderates() && SYSTEM.sees_everything());
    assert!(!Actor::Anonymous.moderates() && !Actor::Anonymous.sees_everything());
}
