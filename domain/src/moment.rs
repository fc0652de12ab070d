//! Moments that somebody named: in UTC, and such that PostgreSQL can hold them.

use std::str::FromStr;

use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

/// PostgreSQL's earliest year, as astronomers count: 4713 BC.
const FIRST_YEAR: i32 = -4712;

/// A moment that can be compared with those of the log. What is read from outside becomes one of
/// these first: an offset can lead beyond the last year, which arithmetic on times panics at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(OffsetDateTime);

/// Not a time, or none that can be compared; the message is for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MomentError {
    /// Not of the form of RFC 3339.
    #[error("A time such as 2026-11-23T09:00:00Z is expected.")]
    Malformed,
    /// Outside of the years that are counted, in UTC.
    #[error("The time is out of range: in UTC, a year up to 9999 is expected.")]
    OutOfRange,
}

impl Moment {
    /// In UTC.
    pub const fn utc(self) -> OffsetDateTime {
        self.0
    }
}

impl TryFrom<OffsetDateTime> for Moment {
    type Error = MomentError;

    fn try_from(time: OffsetDateTime) -> Result<Self, MomentError> {
        let utc = time.checked_to_offset(UtcOffset::UTC);
        utc.filter(|utc| utc.year() >= FIRST_YEAR).map(Self).ok_or(MomentError::OutOfRange)
    }
}

impl FromStr for Moment {
    type Err = MomentError;

    fn from_str(text: &str) -> Result<Self, MomentError> {
        OffsetDateTime::parse(text, &Rfc3339).map_err(|_| MomentError::Malformed)?.try_into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_in_utc_whatever_its_offset() {
        let moment: Moment = "2026-11-23T09:00:00+05:30".parse().unwrap();
        assert_eq!(moment.utc().to_string(), "2026-11-23 3:30:00.0 +00:00:00");
    }

    #[test]
    fn edges_with_every_offset_are_read_or_refused() {
        for edge in ["0000-01-01T00:00:00", "9999-12-31T23:59:59.999999999"] {
            for minutes in 0..24 * 60 {
                for sign in ['+', '-'] {
                    let offset = format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60);
                    let read = format!("{edge}{offset}").parse::<Moment>();
                    let beyond = edge.starts_with('9') && sign == '-' && minutes > 0;
                    assert_eq!(read.is_err(), beyond, "{edge}{offset}");
                }
            }
        }
        assert_eq!("9999-12-31T23:59:59-00:01".parse::<Moment>(), Err(MomentError::OutOfRange));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "2026-11-23", "2026-02-30T00:00:00Z", "+10000-01-01T00:00:00Z", "now"] {
            assert_eq!(text.parse::<Moment>(), Err(MomentError::Malformed), "{text}");
        }
    }
}
