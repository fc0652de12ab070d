//! The subscriber that forgets people who asked for it.

use async_trait::async_trait;
use commands::Commands;
use domain::user::UserEventType;
use domain::{EventType, Recorded, UserId};

use crate::subscriber::{Failed, Handler};

/// Its name, for ever.
pub(crate) const NAME: &str = "eraser";

const EVENTS: [EventType; 1] = [EventType::User(UserEventType::ErasureRequested)];

/// Carries out erasures, each again until it is done: whatever a former try did stays so.
pub(crate) struct Eraser {
    commands: Commands,
}

impl Eraser {
    pub(crate) const fn new(commands: Commands) -> Self {
        Self { commands }
    }
}

#[async_trait]
impl Handler for Eraser {
    fn name(&self) -> &'static str {
        NAME
    }

    fn events(&self) -> &'static [EventType] {
        &EVENTS
    }

    async fn handle(&self, event: &Recorded) -> Result<(), Failed> {
        let person = UserId::from_uuid(event.stream.id);
        let request_id = event.metadata.request_id.clone();
        Ok(self.commands.carry_out_erasure(person, request_id).await?)
    }
}
