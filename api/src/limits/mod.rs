//! How much anybody may ask for: what is counted, bounded in time and size, or refused when there is too much.

pub(crate) mod admission;
pub(crate) mod arrival;
pub(crate) mod counts;
pub(crate) mod drain;
pub(crate) mod overload;
pub(crate) mod pace;
pub(crate) mod rate;
