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

/// The table as postgres-es knows it: members of metadata are strings, and there is no place in the whole log, which
/// an append gets here as Vetted's gets it.
const VIEW: &str = "
    CREATE VIEW stock_events AS
        SELECT aggregate_type, aggregate_id, sequence, event_type, event_version, payload,
               (SELECT json_object_agg(key, value #>> '{}') FROM json_each(metadata)) AS metadata
        FROM events;
    CREATE FUNCTION append() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        WITH head AS (UPDATE log_head SET position = position + 1,
                          recorded_at = greatest(recorded_at, clock_timestamp())
                      RETURNING position, recorded_at)
        INSERT INTO events SELECT new.*, position, gen_random_uuid(), recorded_at, '\\x00' FROM head;
        RETURN new;
    END $$;
    CREATE TRIGGER append INSTEAD OF INSERT ON stock_events FOR EACH ROW EXECUTE FUNCTION append()";

async fn repository(store: &Store) -> PostgresEventRepository {
    sqlx::raw_sql(VIEW).execute(&store.pool).await.unwrap();
    let pool = PgPoolOptions::new().connect(store.url()).await.unwrap();
    PostgresEventRepository::new(pool).with_tables("stock_events", "none")
}

fn edit(description: &str) -> EditCategory {
    domain::read(json!({ "description": description })).unwrap()
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
    store.read_models_are_right().await;
}
