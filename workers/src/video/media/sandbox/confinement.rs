//! How well this machine lets tools be confined, found out once.

use std::fmt;
use std::path::Path;
use std::process::Stdio;

use landlock::ABI;
use tokio::sync::OnceCell;

use super::confine::{self, Reach, Restricted};

/// A user namespace without a mapping: it needs no root, writes nothing to `/proc`, and its process has
/// no privilege in the empty network namespace that comes with it.
pub(super) const UNSHARE: [&str; 5] = ["unshare", "--user", "--net", "--ipc", "--"];

/// What holds for every tool here; `Display` is for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confinement {
    pub(super) restricted: Restricted,
    /// Whether it has a network of its own, with nothing in it. Containers often forbid that.
    pub(super) namespaces: bool,
}

/// Asks the kernel once; where something is missing, the log says what that leaves open.
pub async fn confinement() -> Confinement {
    static ANSWER: OnceCell<Confinement> = OnceCell::const_new();
    *ANSWER.get_or_init(ask).await
}

async fn ask() -> Confinement {
    let [unshare, options @ ..] = UNSHARE;
    let tried = confine::on_own_thread(move || {
        let restricted = confine::restrict(Path::new("true"), &Reach::default())?;
        let mut command = std::process::Command::new(unshare);
        command.args(options).arg("true");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let namespaces = command.status().is_ok_and(|status| status.success());
        Ok(Confinement { restricted, namespaces })
    });
    let none = Restricted { landlock: ABI::Unsupported, filtered: false };
    let confinement = tried.await.map_or_else(
        |error| {
            tracing::warn!(%error, "media tools can't be confined");
            Confinement { restricted: none, namespaces: false }
        },
        |(confinement, _)| confinement,
    );
    let open = confinement.open();
    if !open.is_empty() {
        tracing::warn!(
            "the kernel can't confine media tools entirely: they may {}",
            open.join(", ")
        );
    }
    confinement
}

impl Confinement {
    /// What a tool that was taken over could do.
    fn open(self) -> Vec<&'static str> {
        let Restricted { landlock, filtered } = self.restricted;
        let network = filtered || self.namespaces;
        [
            (landlock < ABI::V1, "read and write what this program may read and write"),
            (landlock < ABI::V3, "cut the files short that this program may write"),
            (landlock < ABI::V4 && !network, "connect to anybody by TCP"),
            (!network, "use UDP"),
            (!filtered, "connect to local sockets"),
            (landlock < ABI::V6, "signal this program's processes"),
        ]
        .into_iter()
        .filter_map(|(is_open, what)| is_open.then_some(what))
        .collect()
    }
}

impl fmt::Display for Confinement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = |holds: bool| if holds { "yes" } else { "no" };
        write!(
            formatter,
            "Landlock {}, calls filtered: {}, network namespace: {}",
            self.restricted.landlock,
            said(self.restricted.filtered),
            said(self.namespaces)
        )
    }
}
