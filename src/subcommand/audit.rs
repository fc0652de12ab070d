//! `vetted audit replay`: a product's history, step by step, folded from the log.

use domain::{Moment, ProductId, StreamId, StreamType};
use identity::IfMissing;
use identity::Vault;
use projections::{DecisionPolicies, DecisionPolicy, TimelineEntry, timeline_of};
use serde_json::Value;

use crate::config::Config;
use crate::error::Error;
use crate::parts::Database;
use crate::{database, output, secrets};

/// Whose history to print.
#[derive(clap::Args)]
pub struct Replay {
    /// The product's id
    #[arg(long, value_name = "ID", value_parser = super::product_id)]
    product: ProductId,
    /// Leave out what happened after this time, such as 2026-11-23T09:00:00Z
    #[arg(long, value_name = "TIME")]
    to: Option<Moment>,
    /// Print each step as a JSON object on a line of its own
    #[arg(long)]
    json: bool,
}

/// Prints a product's history.
pub async fn replay(config: &Config, replay: &Replay) -> Result<(), Error> {
    let stream = StreamId { kind: StreamType::Product, id: replay.product.uuid() };
    let (recorded, policies) = Database::with(config, async |pool| {
        database::check_migrated(pool).await?;
        let mut conn = pool.acquire().await?;
        let mut recorded = log::stream(&mut conn, stream, replay.to).await?;
        let secrets = secrets::open(config, pool, IfMissing::Leave).await?;
        Vault::try_new(pool.clone(), &secrets)?.open(&mut recorded).await?;
        let policies = DecisionPolicies::of(&mut conn, &recorded).await?;
        Ok((recorded, policies))
    })
    .await?;
    if recorded.is_empty() {
        return Err(Error::Usage(format!("there is no product {} at that time", replay.product)));
    }
    for entry in timeline_of(&recorded, &policies) {
        if replay.json {
            output::json(&entry)?;
        } else {
            readable(&entry).iter().try_for_each(|line| output::line(line))?;
        }
    }
    Ok(())
}

/// A line for the step, and one for each thing that it changed.
fn readable(entry: &TimelineEntry) -> Vec<String> {
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
    for DecisionPolicy { code, version, title, .. } in &entry.policies {
        lines.push(format!("    policy: {code} (version {version}), {title}"));
    }
    if let Some(reason) = &entry.reason {
        lines.push(format!("    reason: {reason}"));
    }
    lines
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
        Value::String(text) => text.clone(),
        Value::Object(members) if members.contains_key("amount") => {
            format!("{} {}", plain(&members["amount"]), plain(&members["currency"]))
        }
        other => other.to_string(),
    }
}
