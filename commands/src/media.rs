//! What a video's objects are called in storage. An upload id has 74 random bits: a name can't be
//! guessed, and nobody outside ever sees one.

use domain::UploadId;

/// The bytes as they were received.
pub fn original(upload: UploadId) -> String {
    format!("originals/{upload}")
}

/// The video as it is shown.
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
