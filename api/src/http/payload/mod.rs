//! Encrypted payloads (JWE, RFC 7516): requests to the server's key, answers to the client's.
//!
//! `jwe.rs` is the form, `derive.rs` the key agreement and `jwk.rs` the keys; `request.rs` opens
//! what comes in, `bound.rs` checks that it was meant for here and now, and `answer.rs` seals
//! what goes out.

mod answer;
mod bound;
mod derive;
mod jwe;
mod jwk;
mod peek;
mod request;
mod strict;

pub use jwe::{JweError, Opened, open, seal};
pub use jwk::{JwkError, PrivateJwk, PublicJwk};
pub use strict::parse as parse_strictly;

pub(crate) use answer::{ENCRYPTION_KEY, Recipient, sealed, sealed_data};
pub(crate) use request::{LARGEST, open_request};
