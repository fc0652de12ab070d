//! Tools that try to get out. Each script is first run as any program, so that what it tries is known to
//! work where nothing keeps it.

use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::UnixListener;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command as Blocking;

use landlock::ABI;
use tempfile::TempDir;

use super::*;

/// What a script says when nothing confines it.
fn said_freely(script: &str) -> Vec<String> {
    let output = Blocking::new("bash").args(shell(script)).output().expect("a shell");
    String::from_utf8(output.stdout).expect("text").lines().map(str::to_owned).collect()
}

/// Whether the kernel has this version of Landlock; tests of what it lacks say that they end here.
async fn landlocked(abi: ABI) -> bool {
    let has = confinement().await.restricted.landlock;
    if has < abi {
        println!("not tested: Landlock {abi} is needed, and the kernel has {has}");
    }
    has >= abi
}

/// A folder as the finalizer has it, beside what is none of the tool's business.
struct Premises(TempDir);

impl Premises {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["own/finished", "other"] {
            std::fs::create_dir_all(folder.path().join(name)).expect("made");
        }
        for name in ["secrets.json", "own/original", "other/original"] {
            std::fs::write(folder.path().join(name), "text\n").expect("written");
        }
        Self(folder)
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn reach(&self) -> Reach {
        Reach { input: Some(self.path("own/original")), output: Some(self.path("own/finished")) }
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }
}

fn read(path: impl std::fmt::Display) -> String {
    format!("read -r -N 1 byte <{path} && echo {path};")
}

fn write(path: &str) -> String {
    format!("echo text 2>&- >>{path} && echo {path};")
}

#[tokio::test]
async fn a_tool_reads_its_input_and_no_other_file() {
    if !landlocked(ABI::V1).await {
        return;
    }
    let premises = Premises::new();
    let own = premises.text("own/original");
    let forbidden = [
        premises.text("secrets.json"),
        premises.text("other/original"),
        "/etc/passwd".to_owned(),
        format!("/proc/{}/environ", std::process::id()),
        "/proc/self/environ".to_owned(),
        "/proc/sys/kernel/hostname".to_owned(),
    ];
    let script: String = [own.clone()].iter().chain(&forbidden).map(read).collect();
    let listing = format!("compgen -G '{}/*'", premises.0.path().display());

    assert_eq!(said_freely(&script).len(), 1 + forbidden.len());
    assert_eq!(said(&script, premises.reach()).await, [own]);

    assert_eq!(said_freely(&listing).len(), 3);
    assert_eq!(said(&listing, premises.reach()).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_tool_writes_to_its_folder_and_nowhere_else() {
    if !landlocked(ABI::V1).await {
        return;
    }
    let premises = Premises::new();
    let allowed = [premises.text("own/finished/video.mp4"), "/dev/null".to_owned()];
    let forbidden =
        ["own/original", "own/new", "secrets.json", "other/original", "other/new", "new"]
            .map(|name| premises.text(name));
    let script: String = allowed.iter().chain(&forbidden).map(|path| write(path)).collect();

    assert_eq!(said(&script, premises.reach()).await, allowed);

    for path in ["own/original", "secrets.json", "other/original"] {
        assert_eq!(std::fs::read_to_string(premises.path(path)).expect("readable"), "text\n");
    }
    assert_eq!(said_freely(&script).len(), allowed.len() + forbidden.len());
}

#[tokio::test]
async fn a_tool_makes_no_link_device_or_folder_and_removes_nothing() {
    if !landlocked(ABI::V1).await {
        return;
    }
    let premises = Premises::new();
    let folder = premises.text("own/finished");
    let secrets = premises.text("secrets.json");
    std::fs::write(premises.path("own/finished/kept"), "text").expect("written");
    let script = format!(
        "cd {folder}; ln -s {secrets} soft && echo soft; ln {secrets} hard && echo hard; \
         mkfifo pipe && echo pipe; mkdir folder && echo folder; rm kept && echo rm; \
         mv {secrets} . && echo mv"
    );

    assert_eq!(said(&script, premises.reach()).await, Vec::<String>::new());
    assert_eq!(said_freely(&script), ["soft", "hard", "pipe", "folder", "rm", "mv"]);
}

#[tokio::test]
async fn a_tool_connects_to_nobody() {
    let Confinement { restricted, namespaces } = confinement().await;
    if restricted.landlock < ABI::V4 && !restricted.filtered && !namespaces {
        println!("not tested: the kernel can't keep tools off the network");
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("non-blocking");
    let port = listener.local_addr().expect("an address").port();
    let script = format!("exec 3<>/dev/tcp/127.0.0.1/{port} && echo connected");

    assert_eq!(said(&script, Reach::default()).await, Vec::<String>::new());
    assert!(listener.accept().is_err(), "somebody called");

    assert_eq!(said_freely(&script), ["connected"]);
    listener.accept().expect("the same, unconfined, calls");
}

#[tokio::test]
async fn a_tool_gets_no_socket_of_any_kind() {
    if !confinement().await.restricted.filtered {
        println!("not tested: the kernel can't filter calls");
        return;
    }
    let premises = Premises::new();
    let local = premises.path("own/finished/socket");
    let _local = UnixListener::bind(&local).expect("a socket");
    let datagrams = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let port = datagrams.local_addr().expect("an address").port();
    let script = format!(
        "perl -MSocket -e '$| = 1; \
         socket(L, AF_UNIX, SOCK_STREAM, 0) && connect(L, sockaddr_un(\"{}\")) && print \"local\\n\"; \
         socket(U, AF_INET, SOCK_DGRAM, 0) \
             && send(U, \"x\", 0, sockaddr_in({port}, INADDR_LOOPBACK)) && print \"datagram\\n\"; \
         socket(N, 16, SOCK_RAW, 0) && print \"netlink\\n\"; print \"over\\n\"'",
        local.display()
    );

    assert_eq!(said_freely(&script), ["local", "datagram", "netlink", "over"]);
    assert_eq!(said(&script, premises.reach()).await, ["over"]);
}

#[tokio::test]
async fn a_tool_signals_nobody() {
    if !landlocked(ABI::V6).await {
        return;
    }
    let mut other = Blocking::new("sleep").arg("600").spawn().expect("a process");
    // No. 0 asks for leave alone; our own process would not survive a better proof.
    let script =
        format!("kill -0 {} && echo parent; kill {} && echo other", std::process::id(), other.id());

    assert_eq!(said(&script, Reach::default()).await, Vec::<String>::new());
    assert_eq!(other.try_wait().expect("it is ours"), None);

    assert_eq!(said_freely(&script), ["parent", "other"]);
    assert_eq!(other.wait().expect("it is ours").signal(), Some(15));
}

#[tokio::test]
async fn a_tool_gains_no_privilege() {
    let status =
        "while read -r name value; do [ \"$name\" = \"NoNewPrivs:\" ] && echo $value; done";
    let reach = Reach { input: Some("/proc".into()), output: None };

    let lines = said(&format!("{status} </proc/self/status"), reach).await;

    assert_eq!(lines, ["1"]);
}

#[tokio::test]
async fn a_tool_ends_with_the_thread_that_started_it() {
    let mut command = wrapped(Path::new("/bin/sleep"), &Limits::default()).await;
    command.arg("600");
    let sleep = Path::new("/bin/sleep").to_owned();
    let (mut child, leash) =
        confine::spawn(command, sleep, Reach::default()).await.expect("started");
    while !is_asleep(child.id().expect("it runs")) {
        tokio::task::yield_now().await;
    }

    drop(leash);

    assert_eq!(child.wait().await.expect("it is ours").signal(), Some(9));
}

/// Whether all that wraps it has been replaced by the program itself.
fn is_asleep(process: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{process}/comm")).is_ok_and(|name| name == "sleep\n")
}
