//! Black-box and cross-crate tests, in one binary.
//!
//! They need a PostgreSQL and a NATS of their own: `make test` runs them through
//! `vetted services -- cargo test`. Each test has its own database and NATS prefix.

#[cfg(test)]
mod access;
#[cfg(test)]
mod backup;
#[cfg(test)]
mod badinput;
#[cfg(test)]
mod bounds;
#[cfg(test)]
mod canary;
#[cfg(test)]
mod clients;
#[cfg(test)]
mod commandline;
#[cfg(test)]
mod compose;
#[cfg(test)]
mod conventions;
#[cfg(test)]
mod erasing;
#[cfg(test)]
mod erasure;
#[cfg(test)]
mod factors;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod guards;
#[cfg(test)]
mod guessing;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod live;
#[cfg(test)]
mod matrix;
#[cfg(test)]
mod migrating;
#[cfg(test)]
mod openapi;
#[cfg(test)]
mod operations;
#[cfg(test)]
mod operator;
#[cfg(test)]
mod payload;
#[cfg(test)]
mod policies;
#[cfg(test)]
mod pooling;
#[cfg(test)]
mod predecessor;
#[cfg(test)]
mod privacy;
#[cfg(test)]
mod reads;
#[cfg(test)]
mod refusal;
#[cfg(test)]
mod roles;
#[cfg(test)]
mod scanning;
#[cfg(test)]
mod serving;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod snapshots;
#[cfg(test)]
mod stock;
#[cfg(test)]
mod store;
#[cfg(test)]
mod support;
#[cfg(test)]
mod thumbnails;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod tools;
#[cfg(test)]
mod tracing;
#[cfg(test)]
mod uploads;
#[cfg(test)]
mod walk;
#[cfg(test)]
mod walkthrough;
