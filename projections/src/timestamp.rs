//! Times as they are written and read: RFC 3339, UTC, exactly six decimals.

use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serializer};
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime, UtcOffset};

const FORMAT: &[BorrowedFormatItem<'static>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");

/// Cuts to microseconds as the driver does for `events.recorded_at`, so that a row folded inline
/// is the row folded from the log.
pub fn serialize<S: Serializer>(at: &OffsetDateTime, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&at.to_offset(UtcOffset::UTC).format(FORMAT).map_err(S::Error::custom)?)
}

/// What [`serialize`] has written.
pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<OffsetDateTime, D::Error> {
    let text = <&str>::deserialize(from)?;
    Ok(PrimitiveDateTime::parse(text, FORMAT).map_err(D::Error::custom)?.assume_utc())
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use time::macros::datetime;

    #[test]
    fn a_time_is_read_as_it_was_written() {
        #[derive(serde::Serialize, Deserialize)]
        struct At(#[serde(with = "super")] time::OffsetDateTime);
        let at = datetime!(2026-11-23 10:00:00.123456 UTC);
        let written = serde_json::to_string(&At(at)).unwrap();
        assert_eq!(serde_json::from_str::<At>(&written).unwrap().0, at);
    }

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
