use super::*;
use OrderStatus::{Cancelled, Pending, Success};

const STAFF: [Actor; 2] = [staff(BOB), admin(BOB)];

fn settled(status: OrderStatus) -> OrderEvent {
    match status {
        Success => OrderEvent::OrderFulfilled,
        Cancelled => OrderEvent::OrderCancelled,
        Pending => unreachable!("nothing goes back to PENDING"),
    }
}

#[test]
fn staff_and_admins_fulfil_orders_and_call_them_off() {
    for by in STAFF {
        for status in [Success, Cancelled] {
            given(of_alice(Pending))
                .when(settle_as(by, status))
                .then_expect_events(vec![settled(status)]);
        }
    }
}

#[test]
fn a_buyer_calls_their_own_order_off() {
    for by in [end_user(ALICE), staff(ALICE), admin(ALICE)] {
        given(of_alice(Pending))
            .when(settle_as(by, Cancelled))
            .then_expect_events(vec![OrderEvent::OrderCancelled]);
    }
}

#[test]
fn a_buyer_does_not_fulfil_their_own_order() {
    for status in [Pending, Cancelled] {
        given(of_alice(status))
            .when(settle_as(end_user(ALICE), Success))
            .then_expect_error(OrderError::Forbidden);
    }
}

#[test]
fn nobody_else_settles_orders_and_strangers_do_not_learn_that_they_exist() {
    for (by, error) in [
        (end_user(BOB), OrderError::NotFound),
        (Actor::Anonymous, OrderError::NotFound),
        (auditor(BOB), OrderError::Forbidden),
        (auditor(ALICE), OrderError::Forbidden),
        (SYSTEM, OrderError::Forbidden),
    ] {
        for status in OrderStatus::ALL {
            for to in OrderStatus::ALL {
                given(of_alice(status)).when(settle_as(by, to)).then_expect_error(error.clone());
            }
        }
    }
}

#[test]
fn nothing_leaves_success_or_cancelled() {
    for (from, to) in
        [(Success, Cancelled), (Success, Pending), (Cancelled, Success), (Cancelled, Pending)]
    {
        for by in STAFF {
            given(of_alice(from)).when(settle_as(by, to)).then_expect_error(OrderError::Closed);
        }
    }
    for (from, to) in [(Success, Cancelled), (Success, Pending), (Cancelled, Pending)] {
        given(of_alice(from))
            .when(settle_as(end_user(ALICE), to))
            .then_expect_error(OrderError::Closed);
    }
}

#[test]
fn a_status_that_the_order_has_already_is_no_event() {
    for status in OrderStatus::ALL {
        for by in [end_user(ALICE), staff(BOB), admin(BOB)] {
            given(of_alice(status)).when(settle_as(by, status)).then_expect_events(vec![]);
        }
    }
}

#[test]
fn buyers_and_admins_delete_orders_that_are_not_fulfilled() {
    for status in [Pending, Cancelled] {
        for by in [end_user(ALICE), staff(ALICE), admin(ALICE), admin(BOB)] {
            given(of_alice(status))
                .when(delete_as(by))
                .then_expect_events(vec![OrderEvent::OrderDeleted]);
        }
    }
}

#[test]
fn a_fulfilled_order_is_not_deleted() {
    for by in [end_user(ALICE), admin(BOB)] {
        given(of_alice(Success)).when(delete_as(by)).then_expect_error(OrderError::Closed);
    }
}

#[test]
fn nobody_else_deletes_orders_and_strangers_do_not_learn_that_they_exist() {
    for status in OrderStatus::ALL {
        for (by, error) in [
            (end_user(BOB), OrderError::NotFound),
            (Actor::Anonymous, OrderError::NotFound),
            (staff(BOB), OrderError::Forbidden),
            (auditor(BOB), OrderError::Forbidden),
            (auditor(ALICE), OrderError::Forbidden),
            (SYSTEM, OrderError::Forbidden),
        ] {
            given(of_alice(status)).when(delete_as(by)).then_expect_error(error);
        }
    }
}
