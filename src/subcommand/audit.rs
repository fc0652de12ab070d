//! `vetted audit replay`: a product's life, step by step, folded from the log.

use domain::{Moment, ProductId, StreamId, StreamType, one_line};
use projections::{TimelineEntry, log, timeline_of};
use serde_json::Value;

use crate::config::Config;
use crate::database;
use crate::parts::{self, Database, Error};

/// Which life to tell.
#[derive(clap::Args)]
pub struct Replay {
    /// The product's id
    #[arg(long)]
    product: ProductId,
    /// Tell it up to this moment (RFC 3339)
    #[arg(long)]
    to: Option<Moment>,
    /// Print one JSON object a step
    #[arg(long)]
    json: bool,
}

/// Tells the product's life.
pub async fn replay(config: &Config, replay: &Replay) -> Result<(), Error> {
    let stream = StreamId { kind: StreamType::Product, id: replay.product.uuid() };
    let recorded = Database::with(config, async |pool| {
        database::check_migrated(pool).await?;
        let mut conn = pool.acquire().await?;
        let mut recorded = log::stream(&mut conn, stream, replay.to).await?;
        parts::commands(config, pool, &config.public_url)?.vault().open(&mut recorded).await?;
        Ok(recorded)
    })
    .await?;
    if recorded.is_empty() {
        return Err(Error::Usage(format!("there is no product {} by then", replay.product)));
    }
    for entry in timeline_of(&recorded) {
        super::say(&if replay.json { json(&entry) } else { readable(&entry) })?;
    }
    Ok(())
}

fn json(entry: &TimelineEntry) -> String {
    serde_json::to_string(entry).unwrap_or_default()
}

fn readable(entry: &TimelineEntry) -> String {
    let value = serde_json::to_value(entry).unwrap_or_default();
    let text = |member: &str| plain(&value[member]);
    let mut lines = vec![format!(
        "#{} {}  {}  by {}",
        entry.sequence,
        text("at"),
        entry.kind,
        who(&value["actor"])
    )];
    if let Some(judged) = entry.judged {
        lines.push(format!("    judged: version {judged}"));
    }
    for change in value["changes"].as_array().into_iter().flatten() {
        let (field, from, to) =
            (plain(&change["field"]), plain(&change["from"]), plain(&change["to"]));
        lines.push(format!("    {field}: {from} → {to}"));
    }
    if let Some(reason) = &entry.reason {
        lines.push(format!("    reason: {}", one_line(reason)));
    }
    lines.join("\n")
}

fn who(actor: &Value) -> String {
    match (&actor["id"], &actor["system"]) {
        (Value::String(id), _) => format!("{} {id}", plain(&actor["role"])),
        (_, Value::String(system)) => system.clone(),
        _ => "somebody not signed in".to_owned(),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::String(text) => one_line(text).into_owned(),
        Value::Object(members) if members.contains_key("amount") => {
            format!("{} {}", plain(&members["amount"]), plain(&members["currency"]))
        }
        other => other.to_string(),
    }
}
