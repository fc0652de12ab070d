//! How the workers are, for readiness and for people.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What a task is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskState {
    /// It works.
    Running,
    /// It failed and is tried again.
    Restarting {
        /// Failures in a row.
        failures: u32,
        /// The last one; no personal data.
        error: String,
    },
    /// It met something that no retry helps against; an operator has to look.
    Halted {
        /// What it met.
        reason: String,
    },
    /// It waits for something that this machine lacks.
    Waiting {
        /// What is missing, and what to do.
        reason: String,
    },
    /// The program is ending.
    Ended,
}

/// The state of every task; cheap to clone, outlives [`Workers::run`](crate::Workers::run).
#[derive(Clone, Debug, Default)]
pub struct Health {
    tasks: Arc<Mutex<BTreeMap<&'static str, TaskState>>>,
}

impl Health {
    /// Each task's name and state.
    pub fn tasks(&self) -> BTreeMap<&'static str, TaskState> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether every task works.
    pub fn is_well(&self) -> bool {
        self.tasks().values().all(|state| *state == TaskState::Running)
    }

    pub(crate) fn set(&self, task: &'static str, state: TaskState) {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).insert(task, state);
    }
}
