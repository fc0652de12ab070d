//! What HTTP asks of every route, and what all routes say by it: bodies, headers, queries and paths that come
//! in, problems and representations that go out, and the policy of each route. (The crate of that name is
//! `::http`.)

pub(crate) mod coding;
pub(crate) mod conditional;
pub(crate) mod cors;
pub(crate) mod edit;
pub(crate) mod fingerprint;
pub(crate) mod fixed;
pub(crate) mod forwarded;
pub(crate) mod head;
pub(crate) mod host;
pub(crate) mod input;
pub(crate) mod list;
pub(crate) mod media_type;
pub(crate) mod multipart;
pub(crate) mod name;
pub(crate) mod options;
pub(crate) mod path;
pub mod payload;
pub(crate) mod policies;
pub(crate) mod policy;
pub(crate) mod problem;
pub(crate) mod query;
pub(crate) mod tus;
