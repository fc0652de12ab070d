//! What a video's objects are called in storage. An upload id has 74 random bits: a name can't be
//! guessed, and nobody outside ever sees one.

use domain::UploadId;

/// The bytes as they were received.
pub fn original(upload: UploadId) -> String {
    format!("originals/{upload}")
}

/// A piece of what was received in pieces: where it starts, and under which fence it came.
pub fn part(upload: UploadId, start: i64, fence: i64) -> String {
    format!("{PARTS}/{upload}/{start}-{fence}")
}

/// The folder of all such pieces.
pub const PARTS: &str = "uploads";
/// The folder of results that have no lasting name yet.
pub const UNFINISHED: &str = "unfinished";
/// Every folder; the sweeper looks into these.
pub const FOLDERS: [&str; 6] = [PARTS, UNFINISHED, "originals", "videos", "posters", "sprites"];

/// The finished video.
pub fn video(upload: UploadId, content_type: &str) -> String {
    let extension = if content_type == "video/webm" { "webm" } else { "mp4" };
    format!("videos/{upload}.{extension}")
}

/// Thumbnails, all in one picture.
pub fn sprite(upload: UploadId) -> String {
    format!("sprites/{upload}.jpg")
}

/// Where in that picture each of them is.
pub fn thumbnails(upload: UploadId) -> String {
    format!("sprites/{upload}.vtt")
}

/// The still that stands for the video.
pub fn poster(upload: UploadId) -> String {
    format!("posters/{upload}.jpg")
}
