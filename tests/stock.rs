//! The log is the table of postgres-es: cqrs-es as it comes reads what Vetted wrote, and Vetted what it wrote.

use std::collections::HashMap;

use cqrs_es::persist::{PersistedEventRepository, PersistedEventStore};
use cqrs_es::{CqrsFramework, EventStore};
use domain::category::{Category, CategoryCommand, CategoryEvent, EditCategory};
use domain::{Actor, Aggregate, Role};
use postgres_es::PostgresEventRepository;
use serde_json::json;
use sqlx::postgres::PgPoolOptions;

use crate::store::{Store, by};

type Stock = PersistedEventStore<PostgresEventRepository, Category>;

async fn repository(store: &Store) -> PostgresEventRepository {
    PostgresEventRepository::new(PgPoolOptions::new().connect(store.url()).await.unwrap())
}

fn edit(description: &str) -> EditCategory {
    domain::read(json!({ "description": description })).unwrap()
}

/// What postgres-es knows nothing of: the place in the whole log, and what goes with it.
async fn place_what_has_no_place(store: &Store) {
    sqlx::raw_sql(
        "CREATE FUNCTION place() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             UPDATE log_head SET position = position + 1,
                 recorded_at = greatest(recorded_at, clock_timestamp())
             RETURNING position, recorded_at INTO new.position, new.recorded_at;
             new.event_id := gen_random_uuid();
             new.salt := sha256(new.event_id::text::bytea);
             RETURN new;
         END $$;
         CREATE TRIGGER place BEFORE INSERT ON events FOR EACH ROW
             WHEN (new.position IS NULL) EXECUTE FUNCTION place()",
    )
    .execute(&store.pool)
    .await
    .unwrap();
}

#[tokio::test]
async fn stock_cqrs_es_reads_a_stream_that_vetted_wrote() {
    let store = Store::start().await;
    let category = store.category("Lamps").await;
    store.commands.edit_category(&by(Role::Staff), category, edit("They shine.")).await.unwrap();

    let repository = repository(&store).await;
    let stored = repository.get_events::<Category>(&category.to_string()).await.unwrap();
    let events = Stock::new_event_store(repository);
    let read = events.load_events(&category.to_string()).await.unwrap();
    let context = events.load_aggregate(&category.to_string()).await.unwrap();

    let types: Vec<_> = stored.iter().map(|event| event.event_type.as_str()).collect();
    assert_eq!(types, ["CategoryCreated", "CategoryEdited"]);
    let sequences: Vec<_> = read.iter().map(|event| event.sequence).collect();
    assert_eq!(sequences, [1, 2]);
    assert!(matches!(read[0].payload, CategoryEvent::CategoryCreated { .. }));
    assert_eq!(context.aggregate, store.commands.load::<Category>(category).await.unwrap());
}

#[tokio::test]
async fn vetted_goes_on_from_what_stock_cqrs_es_wrote() {
    let store = Store::start().await;
    let category = store.category("Lamps").await;
    place_what_has_no_place(&store).await;
    let stock = CqrsFramework::new(Stock::new_event_store(repository(&store).await), vec![], ());

    let command =
        CategoryCommand::Edit { by: by(Role::Staff).metadata.actor, edit: edit("Old ones.") };
    let metadata = HashMap::from(
        ["actor", "request_id"].map(|name| (name.to_owned(), "anonymous".to_owned())),
    );
    stock.execute_with_metadata(&category.to_string(), command, metadata).await.unwrap();

    let other = store.replica();
    let read = other.load::<Category>(category).await.unwrap();
    assert_eq!(read.version(), 2);
    let done = other.edit_category(&by(Role::Staff), category, edit("New ones.")).await.unwrap();
    assert_eq!(done.version, 3);
    let log = store.log().await;
    assert_eq!(log[1].actor(), Actor::Anonymous);
    // What was written past the append's folds is in no read model: a rebuild takes it in.
    let vault = store.commands.vault();
    projections::rebuild(&store.pool, vault, None, |_, _| {}).await.unwrap();
    assert!(projections::verify(&store.pool, vault, |_, _| {}).await.unwrap().is_empty());
}
