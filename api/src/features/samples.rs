//! What the examples of several features are made of.

use time::OffsetDateTime;
use time::macros::datetime;
use uuid::Uuid;

pub(crate) const SUBMITTED: OffsetDateTime = datetime!(2026-01-31 09:30:00.123456 UTC);
pub(crate) const APPROVED: OffsetDateTime = datetime!(2026-01-31 10:05:12.654321 UTC);
/// What signs a link.
pub(crate) const SIGNATURE: &str = "AAAAAGl9-2QBmQobLD1wAIAAAAAAAAAB";

/// An id of the examples (UUIDv7): each number is one thing.
pub(crate) const fn id(number: u128) -> Uuid {
    Uuid::from_u128(0x0199_0a1b_2c3d_7000_8000_0000_0000_0000 + number)
}
