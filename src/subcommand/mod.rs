//! One short file per subcommand.

pub mod audit;
pub mod backup;
pub mod demo;
pub mod doctor;
pub mod jwe_open;
pub mod keys;
pub mod migrate;
pub mod projections;
pub mod users;
pub mod worker;

use domain::ProductId;
use serde::Serialize;
use uuid::Uuid;

use crate::error::Error;
use crate::output;

/// Prints a result: a value for programs, or a line for people.
pub fn tell(json: bool, value: &impl Serialize, line: &str) -> Result<(), Error> {
    Ok(if json { output::json(value) } else { output::line(line) }?)
}

/// Reads an id in an argument.
pub fn id(text: &str) -> Result<Uuid, String> {
    let expected = "an id such as 01939c5e-7a3b-7c4d-8e5f-0123456789ab is expected";
    Uuid::try_parse(text).map_err(|_| expected.to_owned())
}

/// Reads a product's id in an argument.
pub fn product_id(text: &str) -> Result<ProductId, String> {
    id(text).map(ProductId::from_uuid)
}

/// Reads a number of seconds in an argument: at most a thousand years, which every clock can go back.
pub fn seconds(text: &str) -> Result<u64, String> {
    const MOST: u64 = 31_536_000_000;
    let seconds = count(text)?;
    if seconds > MOST { Err(format!("at most {MOST} seconds are allowed")) } else { Ok(seconds) }
}

/// Reads a count in an argument.
pub fn count<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| "a whole number such as 100 is expected".to_owned())
}
