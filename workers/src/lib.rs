//! What happens after the commit: the log is relayed to NATS, and workers send mails and finish
//! videos. Whatever NATS forgets, PostgreSQL remembers: nothing here is lost with a broker.

mod backoff;
mod dead_letters;
mod eraser;
mod give_way;
mod health;
mod mail;
mod mailer;
mod named_lease;
mod nats;
pub mod relay;
pub mod subscriber;
mod supervise;
mod sweeper;
pub mod video;
mod workers;

pub use backoff::Backoff;
pub use dead_letters::{DeadLetter, dead_letters, retry};
pub use health::{Health, TaskState};
pub use mail::{MailServerError, MailSettings, MailSettingsError};
pub use relay::Relay;
pub use subscriber::{Failed, Handler, Pace, Subscriber};
pub use supervise::Fault;
pub use sweeper::{Sweeper, Swept};
pub use video::{ScannerAddress, VideoProgress, check_videos, video_progress};
pub use workers::{Parts, Workers};
