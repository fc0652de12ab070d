//! Times as they are written: RFC 3339, UTC, exactly six decimals.

use serde::{Serializer, ser::Error};
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset};

const FORMAT: &[BorrowedFormatItem<'static>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");

/// Cuts to microseconds as the driver does for `events.recorded_at`, so that a row folded inline
/// is the row folded from the log.
pub fn serialize<S: Serializer>(at: &OffsetDateTime, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&at.to_offset(UtcOffset::UTC).format(FORMAT).map_err(S::Error::custom)?)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    #[test]
    fn a_time_is_written_in_utc_with_six_decimals() {
        let written = |at| super::serialize(&at, serde_json::value::Serializer).unwrap();
        assert_eq!(
            written(datetime!(2026-11-23 10:00:00.123456789 +1)),
            "2026-11-23T09:00:00.123456Z"
        );
        assert_eq!(written(datetime!(2026-11-23 9:00 UTC)), "2026-11-23T09:00:00.000000Z");
    }
}
