//! Whatever anybody asks, in whatever order.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::Aggregate as _;

fn details() -> impl Strategy<Value = ProductDetails> {
    (select(vec!["Lamp", "Lantern"]), 1..3u128, option::of(0..3i64)).prop_map(
        |(text, shelf, price)| ProductDetails {
            name: name(text),
            description: description("Gives light."),
            category: category(shelf),
            price: price.map(|minor| Money::new(minor, "EUR".parse().unwrap())),
        },
    )
}

fn whole(details: ProductDetails) -> EditProduct {
    let ProductDetails { name, description, category: category_id, price } = details;
    SubmitProduct { name, description, category_id, price, upload_id: None }.into()
}

fn commands() -> impl Strategy<Value = ProductCommand> {
    let video = || option::of((1..4u128).prop_map(raw));
    prop_oneof![
        1 => (anybody(), details(), video())
            .prop_map(|(by, details, video)| ProductCommand::Submit { by, details, video }),
        2 => (anybody(), details(), video())
            .prop_map(|(by, details, video)| ProductCommand::Edit { by, edit: whole(details), video }),
        4 => (anybody(), option::of(Just(reason("Because."))))
            .prop_map(|(by, reason)| ProductCommand::Approve { by, reason, policies: vec![] }),
        3 => anybody().prop_map(reject_as),
        1 => anybody().prop_map(cancel_as),
        2 => anybody().prop_map(resubmit_as),
        1 => anybody().prop_map(delete_as),
        3 => (1..4u128).prop_map(|number| ProductCommand::FinishVideo { video: shown(number) }),
        1 => (1..4u128).prop_map(|number| ProductCommand::FailVideo {
            upload: upload(number),
            reason: "Not a video.".to_owned(),
        }),
    ]
}

fn actor(command: &ProductCommand) -> Actor {
    use ProductCommand as C;
    match command {
        C::Submit { by, .. }
        | C::Edit { by, .. }
        | C::Approve { by, .. }
        | C::Reject { by, .. }
        | C::Cancel { by }
        | C::Resubmit { by }
        | C::Delete { by } => *by,
        C::FinishVideo { .. } | C::FailVideo { .. } => SYSTEM,
    }
}

/// What the log says without the aggregate's help.
fn owner(log: &[ProductEvent]) -> Option<UserId> {
    match log.first() {
        Some(ProductEvent::ProductSubmitted { owner, .. }) => Some(*owner),
        _ => None,
    }
}

fn video_plays(log: &[ProductEvent]) -> bool {
    use ProductEvent as E;
    log.iter()
        .rev()
        .find_map(|event| match event {
            E::VideoFinalized { .. } => Some(true),
            E::VideoUploaded { .. } | E::VideoFailed { .. } => Some(false),
            _ => None,
        })
        .unwrap_or(true)
}

fn status(log: &[ProductEvent]) -> ProductStatus {
    use ProductEvent as E;
    log.iter()
        .rev()
        .find_map(|event| match event {
            E::ProductApproved { .. } => Some(ProductStatus::Approved),
            E::ProductRejected { .. } => Some(ProductStatus::Rejected),
            E::ProductCancelled { .. } => Some(ProductStatus::Cancelled),
            E::ProductReturnedToReview { .. } | E::ProductResubmitted { .. } => {
                Some(ProductStatus::Pending)
            }
            _ => None,
        })
        .unwrap_or(ProductStatus::Pending)
}

/// What may follow on what, by whom.
fn check(log: &[ProductEvent], by: Actor, event: &ProductEvent) -> Result<(), TestCaseError> {
    use ProductEvent as E;
    let version = i64::try_from(log.len()).unwrap();
    let owner = owner(log);
    let sells = by.role().is_some_and(|role| role != Role::Auditor);
    let edits = by.user_id() == owner && sells || by.has(Role::Admin);
    let gone = log.iter().any(|event| matches!(event, E::ProductDeleted { .. }));
    prop_assert!(!gone, "nothing happens to what was deleted");
    match event {
        E::ProductSubmitted { owner, .. } => {
            prop_assert!(log.is_empty() && by.is(*owner) && sells);
        }
        E::ProductEdited { changes } => {
            prop_assert!(edits && *changes != ProductChanges::default());
        }
        E::VideoUploaded { .. } => prop_assert!(edits || log.len() == 1),
        E::VideoFinalized { .. } | E::VideoFailed { .. } => {
            prop_assert!(by == SYSTEM && !video_plays(log));
        }
        E::ProductReturnedToReview { was } => {
            prop_assert!(edits && was.is_judged() && *was == status(log));
        }
        E::ProductApproved { by: moderator, judged, was, reason, .. } => {
            prop_assert!(by.moderates() && by.is(*moderator) && Some(*moderator) != owner);
            prop_assert_eq!(*judged, version, "the version right before the approval is judged");
            prop_assert!(video_plays(log));
            prop_assert_eq!(*was, status(log));
            let allowed = match was {
                ProductStatus::Pending => true,
                ProductStatus::Rejected => reason.is_some(),
                ProductStatus::Approved | ProductStatus::Cancelled => false,
            };
            prop_assert!(allowed);
        }
        E::ProductRejected { by: moderator, judged, was, .. } => {
            prop_assert!(by.moderates() && by.is(*moderator) && Some(*moderator) != owner);
            prop_assert_eq!(*judged, version);
            prop_assert_eq!(*was, status(log));
            prop_assert!(matches!(was, ProductStatus::Pending | ProductStatus::Approved));
        }
        E::ProductCancelled { was } => {
            prop_assert!(edits && *was == status(log) && *was != ProductStatus::Cancelled);
        }
        E::ProductResubmitted { was } => {
            prop_assert!(edits && *was == status(log));
            prop_assert!(matches!(was, ProductStatus::Rejected | ProductStatus::Cancelled));
        }
        E::ProductDeleted { .. } => prop_assert!(edits),
    }
    Ok(())
}

/// Nothing that a reviewer judges changed since the decision that stands.
fn decision_stands_on_what_is_there(log: &[ProductEvent]) -> bool {
    use ProductEvent as E;
    let decided = log
        .iter()
        .rposition(|e| matches!(e, E::ProductApproved { .. } | E::ProductRejected { .. }));
    decided.is_some_and(|at| {
        !log[at..].iter().any(|e| matches!(e, E::ProductEdited { .. } | E::VideoUploaded { .. }))
    })
}

/// Somebody else's product with a video, so that runs get far enough to be interesting.
fn beginning() -> impl Strategy<Value = ProductCommand> {
    select(vec![end_user(ALICE), staff(ALICE), admin(ALICE)])
        .prop_map(|by| ProductCommand::Submit { by, details: lamp(), video: Some(raw(1)) })
}

proptest! {
    #[test]
    fn no_sequence_of_commands_reaches_a_forbidden_state(
        first in option::weighted(0.9, beginning()),
        commands in vec(commands(), 0..40),
    ) {
        let mut product = Product::default();
        let mut log = vec![];
        for command in first.into_iter().chain(commands) {
            let by = actor(&command);
            let edits = matches!(command, ProductCommand::Edit { .. });
            let before = status(&log);

            let events = product.decide(command).unwrap_or_default();

            let edited = edits && !events.is_empty();
            for event in events {
                check(&log, by, &event)?;
                cqrs_es::Aggregate::apply(&mut product, event.clone());
                log.push(event);
            }
            prop_assert_eq!(&refolded::<Product>(&log), &product);
            prop_assert_eq!(product.version(), i64::try_from(log.len()).unwrap());
            if let Some(listing) = product.listing() {
                prop_assert_eq!(listing.status, status(&log));
                prop_assert_eq!(Some(listing.owner), owner(&log));
                if listing.status.is_judged() {
                    prop_assert!(decision_stands_on_what_is_there(&log));
                }
                if edited && before.is_judged() {
                    prop_assert_eq!(listing.status, ProductStatus::Pending);
                }
                let orderable = listing.status == ProductStatus::Approved && video_plays(&log);
                prop_assert_eq!(product.offer().is_some(), orderable);
            } else {
                prop_assert_eq!(product.offer(), None);
            }
        }
    }
}
