//! Long streams are read from their newest snapshot on. Events that are not to be read are spoilt first:
//! whatever reads one of them fails.

mod checking;
mod loading;
mod reading;

use commands::Commands;
use domain::category::{CategoryChanges, CategoryEvent};
use domain::order::{OrderEvent, OrderItem};
use domain::policy::{PolicyCode, PolicyDetails, PolicyEvent, PolicyWording, Severity};
use domain::product::{ProductChanges, ProductEvent};
use domain::user::UserEvent;
use domain::{
    Aggregate, Change, Event, ProductId, Recorded, Role, StreamId, StreamType, Text, UserId, replay,
};
use serde_json::json;
use uuid::Uuid;

use crate::store::{Store, by};

fn stream(kind: StreamType, id: impl Into<Uuid>) -> StreamId {
    StreamId { kind, id: id.into() }
}

fn text<const MIN: usize, const MAX: usize>(text: &str) -> Text<MIN, MAX> {
    Text::try_new(text).unwrap()
}

fn renamed(number: i64) -> Event {
    let name = Some(Change { from: text("Lamp"), to: text(&format!("Lamp {number}")) });
    ProductEvent::ProductEdited { changes: ProductChanges { name, ..ProductChanges::default() } }
        .into()
}

fn described(number: i64) -> Event {
    let description = Some(Change { from: text(""), to: text(&format!("No. {number}")) });
    let changes = CategoryChanges { description, ..CategoryChanges::default() };
    CategoryEvent::CategoryEdited { changes }.into()
}

fn reworded(number: i64) -> Event {
    let code: PolicyCode = "RETURNS".parse().unwrap();
    let wording = |says: &str| PolicyWording { title: text("Returns"), text: text(says) };
    if number > 1 {
        let (from, to) = (wording("None."), wording(&format!("No. {number}")));
        return PolicyEvent::PolicyReworded { code, from, to }.into();
    }
    let (wording, severity) = (wording("None."), Severity::Low);
    let (parent, dsa_category, templates) = (None, None, vec![]);
    let details = PolicyDetails { code, wording, severity, parent, dsa_category, templates };
    PolicyEvent::PolicyCreated { details }.into()
}

impl Store {
    /// Lets a stream grow to that version by events that are written to the log alone.
    async fn grow(&self, stream: StreamId, to: i64, event: impl Fn(i64) -> Event) {
        let (kind, id) = (stream.kind.as_str(), stream.id.to_string());
        let from: i64 = sqlx::query_scalar(
            "SELECT coalesce(max(sequence), 0) FROM events WHERE aggregate_type = $1 AND aggregate_id = $2",
        )
        .bind(kind)
        .bind(&id)
        .fetch_one(&self.pool)
        .await
        .unwrap();
        let events: Vec<_> = (from + 1..=to).map(event).collect();
        let names: Vec<_> = events.iter().map(|event| event.name().to_owned()).collect();
        let payloads: Vec<_> =
            events.iter().map(|event| serde_json::to_string(event).unwrap()).collect();
        sqlx::query(
            "WITH head AS (UPDATE log_head SET position = position + $5,
                               recorded_at = greatest(recorded_at, now()) + $5 * interval '1 millisecond'
                           RETURNING position - $5 AS position, recorded_at)
             INSERT INTO events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload,
                 metadata, position, event_id, recorded_at, salt)
             SELECT $1, $2, $6 + number, name, '1', payload::json, $7::json, head.position + number,
                 gen_random_uuid(), head.recorded_at - ($5 - number) * interval '1 millisecond', '\\x00'
             FROM head, unnest($3::text[], $4::text[]) WITH ORDINALITY AS events (name, payload, number)",
        )
        .bind(kind)
        .bind(id)
        .bind(names)
        .bind(payloads)
        .bind(to - from)
        .bind(from)
        .bind(serde_json::to_string(&by(Role::Admin).metadata).unwrap())
        .execute(&self.pool)
        .await
        .unwrap();
    }

    /// Makes the read models of what [`Self::grow`] wrote.
    async fn rebuild(&self) {
        projections::rebuild(&self.pool, self.commands.vault(), None, |_, _| {}).await.unwrap();
    }

    /// Makes events of a stream such that nothing can read them.
    async fn spoil(&self, stream: StreamId, from: i64, to: i64) {
        sqlx::query(
            "UPDATE events SET payload = '{\"spoilt\": true}'
             WHERE aggregate_type = $1 AND aggregate_id = $2 AND sequence BETWEEN $3 AND $4",
        )
        .bind(stream.kind.as_str())
        .bind(stream.id.to_string())
        .bind(from)
        .bind(to)
        .execute(&self.pool)
        .await
        .unwrap();
    }

    /// The versions of a stream's snapshots.
    async fn snapshots(&self, stream: StreamId) -> Vec<i64> {
        sqlx::query_scalar(
            "SELECT sequence FROM snapshots WHERE aggregate_type = $1 AND aggregate_id = $2 ORDER BY sequence",
        )
        .bind(stream.kind.as_str())
        .bind(stream.id.to_string())
        .fetch_all(&self.pool)
        .await
        .unwrap()
    }

    async fn events(&self, stream: StreamId) -> Vec<Recorded> {
        log::stream(&mut self.pool.acquire().await.unwrap(), stream, None).await.unwrap()
    }

    /// What all events of a stream make, without a snapshot.
    async fn folded<A: Aggregate>(&self, stream: StreamId) -> A {
        let mut events = self.events(stream).await;
        self.commands.vault().open(&mut events).await.unwrap();
        replay(A::default(), events.into_iter().map(|recorded| recorded.event)).unwrap()
    }

    async fn verified(&self) -> Vec<projections::Drift> {
        projections::verify(&self.pool, self.commands.vault(), |_, _| {}).await.unwrap()
    }

    async fn execute(&self, sql: &str) {
        sqlx::raw_sql(sql).execute(&self.pool).await.unwrap();
    }

    async fn person(&self) -> UserId {
        let email = "alice@example.org".parse().unwrap();
        let password = domain::read(json!("a lamp in every window")).unwrap();
        self.commands.create_user(&by(Role::Admin), &email, &password, Role::EndUser).await.unwrap()
    }
}

async fn load<A: Aggregate>(
    commands: &Commands,
    stream: StreamId,
) -> Result<A, commands::CommandError> {
    commands.load::<A>(stream.id.into()).await
}

/// A stream of each kind, with 1,050 events.
async fn long_streams(store: &Store) -> [StreamId; 5] {
    let product = stream(StreamType::Product, store.products(1).await[0]);
    let category = stream(StreamType::Category, store.category("Chairs").await);
    let order = stream(StreamType::Order, Uuid::now_v7());
    let user = stream(StreamType::User, store.person().await);
    let policy = stream(StreamType::Policy, Uuid::now_v7());
    let items = |quantity: i64| -> Vec<OrderItem> {
        let item =
            json!({"product": product.id, "name": "Lamp", "price": null, "quantity": quantity});
        serde_json::from_value(json!([item])).unwrap()
    };
    let buyer = UserId::from_uuid(Uuid::now_v7());
    store.grow(product, 1_050, renamed).await;
    store.grow(category, 1_050, described).await;
    store
        .grow(order, 1_050, |number| match number {
            1 => OrderEvent::OrderPlaced { user: buyer, items: items(1) }.into(),
            number => {
                OrderEvent::OrderItemsChanged { from: items(1), to: items(number % 9 + 1) }.into()
            }
        })
        .await;
    store.grow(user, 1_050, |_| UserEvent::RegistrationRepeated.into()).await;
    store.grow(policy, 1_050, reworded).await;
    store.rebuild().await;
    [product, category, order, user, policy]
}

async fn rename(commands: &Commands, product: ProductId, number: i64) -> commands::Done {
    let edit = domain::read(json!({ "name": format!("Lamp {number}") })).unwrap();
    commands.edit_product(&by(Role::Admin), product, edit, None).await.unwrap()
}
