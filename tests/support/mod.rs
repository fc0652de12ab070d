//! What tests stand on.

mod app;
pub mod broker;
mod bucket;
mod call;
pub mod child;
pub mod clock;
pub mod database;
pub mod disk;
mod factor;
mod goods;
mod mail;
pub mod nats;
mod people;
pub mod postgres;
pub mod program;
mod proxy;
mod raw;
mod shop;
mod smtp;
pub mod video;
mod waiting;

pub use app::{TestApp, http_client};
pub use bucket::Bucket;
pub use call::{Answer, Call};
pub use database::TestDatabase;
pub use factor::Authenticator;
pub use goods::{id, rule, ruling, video_form, video_form_named};
pub use mail::{in_query, link_in};
pub use people::Person;
pub use proxy::Proxy;
pub use shop::{Shop, each};
pub use smtp::{Mail, MailServer, Manner, REFUSED_DOMAIN};
pub use waiting::eventually;
