//! What was before an event of a video: such an event does not say, earlier ones do.

use std::collections::HashMap;

use domain::product::{ProcessingStatus, ProductEventType};
use domain::{Event, EventType, Recorded, StreamId};
use serde_json::{Value, json};

use super::TimelineEntry;
use super::entry::entry;
use crate::{DecisionPolicies, ProductRow, RowVideo};

/// The types of the events of videos.
pub(super) const VIDEO_EVENTS: [EventType; 3] = [
    EventType::Product(ProductEventType::VideoUploaded),
    EventType::Product(ProductEventType::VideoFinalized),
    EventType::Product(ProductEventType::VideoFailed),
];

/// Whether it is one of [`VIDEO_EVENTS`].
pub(super) fn is_of_video(event: &Event) -> bool {
    VIDEO_EVENTS.contains(&event.event_type())
}

/// A product's video at some point of its stream, as entries tell it.
#[derive(Debug, PartialEq)]
pub(super) struct VideoState {
    processing_status: Value,
    /// Its SHA-256.
    video: Value,
}

impl Default for VideoState {
    /// Before its first event.
    fn default() -> Self {
        Self { processing_status: json!(ProcessingStatus::Ready), video: Value::Null }
    }
}

impl VideoState {
    /// Where a row has come to.
    pub(super) fn of(row: &ProductRow) -> Self {
        let video = row.video.as_ref().map(|video| match &video.0 {
            RowVideo::Finished(video) => &video.sha256,
            RowVideo::Uploaded(video) => &video.sha256,
        });
        Self { processing_status: json!(row.processing_status), video: json!(video) }
    }

    /// Completes an entry by what was before it, and goes on to what is after it.
    fn connect(&mut self, entry: &mut TimelineEntry) {
        for change in &mut entry.changes {
            let known = match change.field {
                "processing_status" => &mut self.processing_status,
                "video" => &mut self.video,
                _ => continue,
            };
            change.from = std::mem::replace(known, change.to.clone());
        }
    }

    /// Goes on to what is after an event.
    pub(super) fn follow(&mut self, recorded: &Recorded) {
        if let Some(mut entry) = entry(recorded, &DecisionPolicies::default()) {
            self.connect(&mut entry);
        }
    }
}

/// The entries of parts of streams, in the order in which they come. `before` has the state in which
/// parts begin that are not their stream's beginning.
pub(super) fn connected(
    recorded: &[Recorded],
    mut before: HashMap<StreamId, VideoState>,
    policies: &DecisionPolicies,
) -> Vec<TimelineEntry> {
    let connected = |event: &Recorded| {
        let mut entry = entry(event, policies)?;
        before.entry(event.stream).or_default().connect(&mut entry);
        Some(entry)
    };
    recorded.iter().filter_map(connected).collect()
}

/// The timeline that all the events of a product or an order make, as [`Timeline`](super::Timeline)
/// shows it, with the policies that their decisions name.
pub fn timeline_of(recorded: &[Recorded], policies: &DecisionPolicies) -> Vec<TimelineEntry> {
    connected(recorded, HashMap::new(), policies)
}
