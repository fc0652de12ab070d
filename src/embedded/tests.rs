//! The real servers, started, killed and started again.

use std::fs::{self, File, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid, User};
use secrecy::ExposeSecret;
use sqlx::postgres::{PgPool, PgPoolOptions};

use super::*;
use crate::config::NatsAddress;

/// Set for the helper below when a test runs it as another program.
const DIR: &str = "VETTED_TEST_EMBEDDED_DIR";

/// Another program that serves from `DIR`; its standard output tells when both are ready.
#[tokio::test]
#[ignore = "the tests below run it as a program of its own"]
async fn serve_until_killed() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let dir = Path::new(&dir);
    let (postgres, nats) = tokio::join!(Postgres::start(dir), Nats::start(dir));
    let (_postgres, _nats) = (postgres.unwrap(), nats.unwrap());
    println!("\nuser {}", Uid::effective());
    println!("ready");
    std::future::pending::<()>().await;
}

/// Kills the program with the test, whatever happens.
struct Program(Child);

impl Program {
    fn start(dir: &Path, wrapper: &[&str]) -> Self {
        // The file rather than its path, which another account may not reach.
        let this = File::open("/proc/self/exe").unwrap();
        let words = wrapper.iter().chain(&["/proc/self/fd/0"]).copied().collect::<Vec<_>>();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).args(["--ignored", "--exact", "--nocapture"]);
        command.arg("embedded::tests::serve_until_killed").env(DIR, dir).current_dir("/");
        command.stdin(this).stdout(Stdio::piped());
        Self(command.spawn().unwrap())
    }

    /// What it prints before it is ready; returns when it is, and fails when it ends.
    fn wait_until_ready(&mut self) -> Vec<String> {
        let lines = BufReader::new(self.0.stdout.take().unwrap()).lines();
        let mut printed = Vec::new();
        for line in lines.map_while(std::result::Result::ok) {
            if line == "ready" {
                return printed;
            }
            printed.push(line);
        }
        panic!("it ended with {:?} after printing {printed:?}", self.0.wait());
    }

    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Both fail when the test has done so already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn connect(url: &secrecy::SecretString) -> PgPool {
    PgPoolOptions::new().max_connections(1).connect(url.expose_secret()).await.unwrap()
}

async fn write_row(url: &secrecy::SecretString) {
    let pool = connect(url).await;
    sqlx::query("CREATE TABLE kept (number bigint)").execute(&pool).await.unwrap();
    sqlx::query("INSERT INTO kept VALUES (42)").execute(&pool).await.unwrap();
    pool.close().await;
}

async fn read_row(url: &secrecy::SecretString) -> i64 {
    let pool = connect(url).await;
    let number = sqlx::query_scalar("SELECT number FROM kept").fetch_one(&pool).await.unwrap();
    pool.close().await;
    number
}

async fn write_message(address: &NatsAddress) {
    let client = address.connect().await.unwrap();
    let jetstream = async_nats::jetstream::new(client);
    let stream =
        async_nats::jetstream::stream::Config { name: "KEPT".into(), ..Default::default() };
    jetstream.create_stream(stream).await.unwrap();
    jetstream.publish("KEPT", "42".into()).await.unwrap().await.unwrap();
}

async fn read_message(address: &NatsAddress) -> Vec<u8> {
    let client = address.connect().await.unwrap();
    let stream = async_nats::jetstream::new(client).get_stream("KEPT").await.unwrap();
    stream.get_raw_message(1).await.unwrap().payload.to_vec()
}

async fn eventually(what: &str, mut true_by_now: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !true_by_now().await {
        assert!(Instant::now() < deadline, "not within 30 seconds: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Processes whose command line names a path below `dir`.
fn processes_of(dir: &Path) -> Vec<u32> {
    let dir = dir.canonicalize().unwrap();
    let needle = dir.as_os_str().as_encoded_bytes();
    let uses = |pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|word| word.starts_with(needle))
    };
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(uses).collect()
}

#[tokio::test]
async fn the_second_start_finds_what_the_first_one_kept() {
    let dir = temporary_dir().unwrap();
    let (postgres, nats) = tokio::join!(Postgres::start(dir.path()), Nats::start(dir.path()));
    let (postgres, nats) = (postgres.unwrap(), nats.unwrap());
    write_row(postgres.url()).await;
    write_message(nats.address()).await;
    tokio::join!(postgres.stop(), nats.stop());
    assert_eq!(processes_of(dir.path()), [0; 0]);

    let (postgres, nats) = tokio::join!(Postgres::start(dir.path()), Nats::start(dir.path()));

    let (postgres, nats) = (postgres.unwrap(), nats.unwrap());
    assert_eq!(read_row(postgres.url()).await, 42);
    assert_eq!(read_message(nats.address()).await, b"42");
    tokio::join!(postgres.stop(), nats.stop());
}

#[tokio::test]
async fn a_cluster_is_durable_and_private() {
    let dir = temporary_dir().unwrap();
    let postgres = Postgres::start(dir.path()).await.unwrap();
    let pool = connect(postgres.url()).await;
    for (setting, expected) in [
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("synchronous_commit", "on"),
        ("data_checksums", "on"),
        ("listen_addresses", ""),
        ("server_encoding", "UTF8"),
    ] {
        let show = format!("SHOW {setting}");
        let value: String = sqlx::query_scalar(&show).fetch_one(&pool).await.unwrap();
        assert_eq!(value, expected, "{setting}");
    }
    pool.close().await;
    let folder = fs::metadata(dir.path().join("pg")).unwrap();
    assert_eq!(folder.mode() & 0o777, 0o700);
    postgres.stop().await;
}

#[tokio::test]
async fn nobody_enters_nats_without_the_password() {
    let dir = temporary_dir().unwrap();
    let nats = Nats::start(dir.path()).await.unwrap();

    let stranger = async_nats::connect(nats.address().servers.clone()).await;

    assert!(stranger.is_err());
    nats.stop().await;
}

#[tokio::test]
async fn after_a_kill_everything_ends_and_a_start_at_once_keeps_all_data() {
    let dir = temporary_dir().unwrap();
    let mut killed = Program::start(dir.path(), &["env"]);
    killed.wait_until_ready();
    write_row(&Postgres::running(dir.path()).unwrap()).await;
    write_message(&Nats::running(dir.path()).unwrap()).await;
    killed.kill();

    let (postgres, nats) = tokio::join!(Postgres::start(dir.path()), Nats::start(dir.path()));

    let (postgres, nats) = (postgres.unwrap(), nats.unwrap());
    assert_eq!(read_row(postgres.url()).await, 42);
    assert_eq!(read_message(nats.address()).await, b"42");
    tokio::join!(postgres.stop(), nats.stop());
    assert!(Postgres::running(dir.path()).is_none() && Nats::running(dir.path()).is_none());
}

#[tokio::test]
async fn after_a_kill_no_child_stays() {
    let dir = temporary_dir().unwrap();
    let mut killed = Program::start(dir.path(), &["env"]);
    killed.wait_until_ready();
    assert!(processes_of(dir.path()).len() >= 2);

    killed.kill();

    eventually("children end", async || processes_of(dir.path()).is_empty()).await;
}

#[tokio::test]
async fn two_programs_cannot_serve_from_one_folder() {
    let dir = temporary_dir().unwrap();
    let mut first = Program::start(dir.path(), &["env"]);
    first.wait_until_ready();

    let (postgres, nats) = tokio::join!(Postgres::start(dir.path()), Nats::start(dir.path()));

    for error in [postgres.unwrap_err(), nats.unwrap_err()] {
        assert!(matches!(error, Error::InUse(_)), "{error}");
        assert!(error.to_string().contains("another vetted already uses"), "{error}");
    }
    first.kill();
    eventually("children end", async || processes_of(dir.path()).is_empty()).await;
}

#[tokio::test]
async fn a_child_that_dies_comes_back_with_its_data() {
    let dir = temporary_dir().unwrap();
    let (postgres, nats) = tokio::join!(Postgres::start(dir.path()), Nats::start(dir.path()));
    let (postgres, nats) = (postgres.unwrap(), nats.unwrap());
    write_row(postgres.url()).await;
    write_message(nats.address()).await;

    for pid in processes_of(dir.path()) {
        kill(Pid::from_raw(pid.try_into().unwrap()), Signal::SIGKILL).unwrap();
    }

    eventually("PostgreSQL is back", async || {
        PgPool::connect(postgres.url().expose_secret()).await.is_ok()
    })
    .await;
    eventually("NATS is back", async || nats.address().connect().await.is_ok()).await;
    assert_eq!(read_row(postgres.url()).await, 42);
    assert_eq!(read_message(nats.address()).await, b"42");
    tokio::join!(postgres.stop(), nats.stop());
}

#[tokio::test]
async fn a_child_that_dies_again_and_again_is_back_within_five_seconds_each_time() {
    let sleep = || {
        let mut command = Command::new("sleep");
        command.arg("600");
        Ok(command)
    };
    let supervisor = super::supervisor::Supervisor::start("a child", sleep).unwrap();
    let is_back = async || eventually("it runs", async || supervisor.pid().is_some()).await;
    is_back().await;

    for _ in 0..7 {
        let pid = supervisor.pid().unwrap();
        kill(Pid::from_raw(pid.try_into().unwrap()), Signal::SIGKILL).unwrap();
        eventually("it ends", async || supervisor.pid() != Some(pid)).await;
        let ended = Instant::now();
        is_back().await;

        assert!(ended.elapsed() < Duration::from_millis(5_500), "{:?}", ended.elapsed());
    }
    supervisor.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_pid_file_that_names_a_stranger_is_survived_and_the_stranger_too() {
    let dir = temporary_dir().unwrap();
    Postgres::start(dir.path()).await.unwrap().stop().await;
    let mut stranger = Command::new("sleep").arg("600").spawn().unwrap();
    let pid_file = dir.path().join("pg/postmaster.pid");
    fs::write(pid_file, format!("{}\n", stranger.id())).unwrap();

    let postgres = Postgres::start(dir.path()).await.unwrap();

    assert_eq!(stranger.try_wait().unwrap(), None);
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    postgres.stop().await;
}

#[tokio::test]
async fn a_start_that_was_cut_short_begins_again() {
    let dir = temporary_dir().unwrap();
    fs::create_dir_all(dir.path().join("pg.new/base")).unwrap();

    let postgres = Postgres::start(dir.path()).await.unwrap();

    assert!(!dir.path().join("pg.new").exists());
    postgres.stop().await;
}

#[tokio::test]
async fn a_path_too_long_for_a_socket_gets_a_short_one() {
    let dir = temporary_dir().unwrap();
    let long = dir.path().join("a-folder-with-a-name-of-forty-characters".repeat(3));

    let postgres = Postgres::start(&long).await.unwrap();

    let pool = connect(postgres.url()).await;
    let show = sqlx::query_scalar("SHOW unix_socket_directories");
    let socket_dir: String = show.fetch_one(&pool).await.unwrap();
    pool.close().await;
    assert!(socket_dir.trim_matches('"').starts_with("/tmp/vetted-"), "{socket_dir}");
    assert!(Postgres::running(&long).is_some());
    postgres.stop().await;
    assert!(!Path::new(socket_dir.trim_matches('"')).exists());
}

#[tokio::test]
async fn an_ordinary_user_needs_no_other_account() {
    if !Uid::effective().is_root() {
        return; // Every other test has just shown it.
    }
    let nobody = User::from_name("nobody").unwrap().unwrap();
    let dir = tempfile::tempdir_in("/tmp").unwrap();
    chown(dir.path(), Some(nobody.uid.as_raw()), Some(nobody.gid.as_raw())).unwrap();
    let identity = [format!("--reuid={}", nobody.uid), format!("--regid={}", nobody.gid)];

    let wrapper = ["setpriv", &identity[0], &identity[1], "--clear-groups"];
    let mut program = Program::start(dir.path(), &wrapper);

    assert!(program.wait_until_ready().contains(&format!("user {}", nobody.uid)));
    assert_eq!(fs::metadata(dir.path().join("pg")).unwrap().uid(), nobody.uid.as_raw());
    program.kill();
    eventually("children end", async || processes_of(dir.path()).is_empty()).await;
}

#[tokio::test]
async fn root_keeps_data_elsewhere_when_nobody_else_may_enter_the_folder() {
    if !Uid::effective().is_root() {
        return; // The folder belongs to the account that runs the servers.
    }
    let closed = tempfile::tempdir_in("/tmp").unwrap();
    fs::set_permissions(closed.path(), Permissions::from_mode(0o700)).unwrap();
    let dir = closed.path().join("data");
    let postgres = Postgres::start(&dir).await.unwrap();
    write_row(postgres.url()).await;
    postgres.stop().await;
    let target = fs::read_link(dir.join("pg")).unwrap();

    let postgres = Postgres::start(&dir).await.unwrap();
    assert_eq!(read_row(postgres.url()).await, 42);
    postgres.stop().await;

    fs::remove_dir_all(target.parent().unwrap()).unwrap();
    let error = Postgres::start(&dir).await.unwrap_err();
    assert!(matches!(error, Error::Gone { .. }), "{error}");
}
