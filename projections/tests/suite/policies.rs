//! Policies, and how timelines show them.

use domain::policy::{CitedPolicy, PolicyEvent};
use domain::{PolicyId, Recorded, StreamId, StreamType};
use projections::{DecisionPolicies, Page, Policies, PolicyRow, ProductRow, Timeline, Visibility};

use crate::database::{append, in_a_database};
use crate::making::*;

const fn stream(id: PolicyId) -> StreamId {
    StreamId { kind: StreamType::Policy, id: id.uuid() }
}

/// The policy of that number, from creation on.
fn created(log: &mut Log, number: u128) -> Recorded {
    let code = format!("P-{number}");
    log.record(stream(policy(number)), policy_created(&code, wording("Returns", "14 days.")))
}

fn numbers(rows: &[PolicyRow]) -> Vec<u128> {
    rows.iter().map(|row| row.id.uuid().as_u128()).collect()
}

#[tokio::test]
async fn policies_are_listed_newest_first_until_they_are_deleted() {
    in_a_database(2, async |pool| {
        let mut log = Log::default();
        let mut events: Vec<_> = (1..5).map(|number| created(&mut log, number)).collect();
        events.push(log.record(stream(policy(2)), PolicyEvent::PolicyDeleted));
        events.push(log.record(stream(policy(3)), PolicyEvent::PolicyRetired));
        append(&pool, &events).await;

        let policies = Policies(pool.clone());
        for (retired, listed) in
            [(None, vec![4, 3, 1]), (Some(true), vec![3]), (Some(false), vec![4, 1])]
        {
            let found = policies.list(retired, &Page::default()).await.unwrap();
            assert_eq!(numbers(&found.items), listed, "{retired:?}");
        }
        assert!(policies.find(policy(1)).await.unwrap().is_some());
        assert_eq!(policies.find(policy(2)).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn a_decision_shows_its_policies_as_they_were_then() {
    in_a_database(2, async |pool| {
        let (first, second, lamp) = (policy(1), policy(2), product(1));
        let cited = |id, version| CitedPolicy { id, version };
        let (early, late) = (wording("Returns", "14 days."), wording("Refunds", "30 days."));
        let mut log = Log::default();
        let mut events = vec![created(&mut log, 1), created(&mut log, 2)];
        events.push(log.product(lamp, submitted(ALICE, "Lamp", BOOKS, None)));
        events.push(log.product(lamp, rejected_by(1, vec![cited(second, 1), cited(first, 1)])));
        events.push(log.record(stream(first), reworded("P-1", early, late)));
        events.push(log.record(stream(first), PolicyEvent::PolicyRetired));
        events.push(log.record(stream(first), PolicyEvent::PolicyReinstated));
        events.push(log.product(lamp, rejected_by(2, vec![cited(first, 4)])));
        events.push(log.record(stream(second), PolicyEvent::PolicyRetired));
        append(&pool, &events).await;

        let timeline = Timeline { pool: &pool, personal: &() };
        let page = Page::default();
        let told = timeline.of::<ProductRow>(Visibility::Everything, lamp.uuid(), &page).await;
        let told = told.unwrap().unwrap().items;

        let shown: Vec<Vec<_>> = told
            .iter()
            .map(|entry| {
                let policies = entry.policies.iter();
                policies.map(|it| (it.code.as_str(), it.version, it.text.as_str())).collect()
            })
            .collect();
        assert_eq!(
            shown,
            [
                vec![],
                vec![("P-2", 1, "14 days."), ("P-1", 1, "14 days.")],
                vec![("P-1", 4, "30 days.")],
            ]
        );
        let mut conn = pool.acquire().await.unwrap();
        let policies = DecisionPolicies::of(&mut conn, &events).await.unwrap();
        let of_lamp: Vec<_> =
            events.into_iter().filter(|event| event.stream.id == lamp.uuid()).collect();
        assert_eq!(projections::timeline_of(&of_lamp, &policies), told);
    })
    .await;
}
