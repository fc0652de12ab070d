//! Who asks, and what they may do.

pub(crate) mod bearer;
pub(crate) mod caller;
pub(crate) mod equalise_timing;
pub(crate) mod permission;
