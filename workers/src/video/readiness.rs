//! Whether videos can be finished on this machine: asked at the start, and for as long as the workers run.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::ScannerAddress;
use super::media::{self, Limits, Unfit};
use super::scratch::WorkFolder;
use crate::health::{Health, TaskState};

/// What it is called in `/readyz`.
pub(crate) const NAME: &str = "videos";

/// Between two looks; programs are looked for by name, which costs nothing.
const INTERVAL: Duration = Duration::from_secs(5);
/// After which the tools are tried out for the first time.
const FIRST_TRIAL: u32 = 6;

/// What finishing videos takes on this machine.
pub(crate) struct Needs {
    pub(crate) limits: Limits,
    /// A virus scanner that sees videos first, if there is one.
    pub(crate) scanner: Option<ScannerAddress>,
    /// A folder on disk with room for one video twice, per video at once.
    pub(crate) scratch: PathBuf,
    /// Told when a video could not be finished through no fault of its own.
    pub(crate) doubt: Notify,
}

/// Fails where this machine lacks what finishing videos takes, by a sentence for its operator.
pub async fn check_videos(limits: &Limits, scratch: &Path) -> Result<(), Unfit> {
    media::check_tools(limits).await?;
    work_folder(scratch).map(drop)
}

fn work_folder(scratch: &Path) -> Result<WorkFolder, Unfit> {
    WorkFolder::make(scratch).map_err(|source| {
        let folder = scratch.display().to_string();
        Unfit::Scratch { folder, source }
    })
}

/// Keeps the state of videos up to date until the program ends.
pub(crate) async fn watch(needs: Arc<Needs>, health: Health, shutdown: CancellationToken) {
    let (mut looks, mut is_in_doubt) = (0_u32, false);
    while !shutdown.is_cancelled() {
        let thorough = is_in_doubt || looks == FIRST_TRIAL;
        let state = match needs.look(thorough).await {
            Ok(()) => TaskState::Running,
            Err(unfit) => TaskState::Waiting { reason: unfit.to_string() },
        };
        is_in_doubt = state != TaskState::Running;
        if health.tasks().get(NAME) != Some(&state) {
            tracing::warn!(?state, "whether videos can be finished has changed");
            health.set(NAME, state);
        }
        looks = looks.saturating_add(1);
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            () = needs.doubt.notified() => is_in_doubt = true,
            () = shutdown.cancelled() => {}
        }
    }
    health.set(NAME, TaskState::Ended);
}

impl Needs {
    /// A thorough look finishes a film that is known to be good.
    async fn look(&self, thorough: bool) -> Result<(), Unfit> {
        media::find_tools()?;
        let folder = work_folder(&self.scratch)?;
        if let Some(scanner) = &self.scanner {
            scanner.ping().await.map_err(|error| Unfit::Scanner(error.to_string()))?;
        }
        if thorough {
            media::try_out_tools(folder.path(), &self.limits).await?;
        }
        Ok(())
    }
}
