//! How long runs of work stay out of the way of those that answer requests.

use std::thread;

/// Lets other threads that wait for this processor go first. A low priority alone lets a run of milliseconds
/// go on to the end of its slice.
pub(crate) fn give_way() {
    thread::yield_now();
}
