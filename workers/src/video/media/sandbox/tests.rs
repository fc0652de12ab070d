mod confined;

use std::time::Duration;

use super::*;

/// A shell with a child of its own, both of which hold on until they are killed.
const FAMILY: &str = "sleep 600 & echo $$; echo $!; wait";

fn shell(script: &str) -> [OsString; 2] {
    ["-c".into(), script.into()]
}

/// What a script says, run as a tool.
async fn said(script: &str, reach: Reach) -> Vec<String> {
    let mut lines = Vec::new();
    let script = shell(&format!("{script}\nexit 0"));
    let limits = Limits::default();
    run("bash", &script, reach, &limits, |line| lines.push(line.to_owned()))
        .await
        .expect("a shell");
    lines
}

/// Waits for what the kernel does in its own time: a killed orphan is reaped by init.
async fn gone(pid: &str) {
    loop {
        let Ok(stat) = tokio::fs::read_to_string(format!("/proc/{pid}/stat")).await else { return };
        if stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with(['Z', 'X'])) {
            return;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_tool_out_of_time_dies_with_its_children() {
    let limits = Limits { timeout: Duration::from_millis(500), ..Limits::default() };
    let mut pids = Vec::new();

    let outcome =
        run("sh", &shell(FAMILY), Reach::default(), &limits, |pid| pids.push(pid.to_owned())).await;

    assert!(matches!(outcome, Err(ToolError::TimedOut { .. })), "{outcome:?}");
    assert_eq!(pids.len(), 2);
    for pid in pids {
        gone(&pid).await;
    }
}

#[tokio::test]
async fn a_cancelled_run_leaves_no_process() {
    let (told, mut hear) = tokio::sync::mpsc::unbounded_channel();
    let limits = Limits::default();
    let script = shell(FAMILY);
    let mut running = Box::pin(run("sh", &script, Reach::default(), &limits, move |pid| {
        told.send(pid.to_owned()).expect("heard");
    }));
    let mut pids = Vec::new();
    while pids.len() < 2 {
        tokio::select! {
            outcome = &mut running => panic!("it ended: {outcome:?}"),
            Some(pid) = hear.recv() => pids.push(pid),
        }
    }

    drop(running);

    for pid in pids {
        gone(&pid).await;
    }
}

#[tokio::test]
async fn a_tool_sees_no_environment() {
    let names = said("compgen -e", Reach::default()).await;

    let known = ["LC_ALL", "PATH", "PWD", "SHLVL", "OLDPWD", "_"];
    assert!(names.iter().all(|name| known.contains(&name.as_str())), "{names:?}");
}

#[tokio::test]
async fn a_missing_tool_is_not_the_fault_of_the_input() {
    let outcome = run("no-such-tool", &[], Reach::default(), &Limits::default(), |_| ()).await;

    assert!(matches!(outcome, Err(ToolError::Unusable { .. })), "{outcome:?}");
}

#[tokio::test]
async fn a_file_beyond_the_allowed_size_ends_the_tool() {
    let limits = Limits { max_output_bytes: 1024, ..Limits::default() };
    let folder = tempfile::tempdir().expect("a folder");
    let output = folder.path().join("large");
    let script = shell(&format!("exec head -c 4096 /dev/urandom > {}", output.display()));
    let reach = Reach { input: None, output: Some(folder.path().to_owned()) };

    let outcome = run("sh", &script, reach, &limits, |_| ()).await;

    assert!(matches!(outcome, Err(ToolError::Killed { .. })), "{outcome:?}");
    assert_eq!(output.metadata().expect("a file").len(), 1024);
}

#[tokio::test]
async fn a_playlist_that_reaches_the_tools_is_not_followed() {
    let elsewhere = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    elsewhere.set_nonblocking(true).expect("non-blocking");
    let address = elsewhere.local_addr().expect("an address");
    let folder = tempfile::tempdir().expect("a folder");
    let playlist = folder.path().join("playlist.mp4");
    let text = format!(
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://{address}/a.ts\n#EXT-X-ENDLIST\n"
    );
    std::fs::write(&playlist, text).expect("written");
    let limits = Limits::default();

    let probed = ffprobe(&playlist, &["-show_format"], &limits, |_| ()).await.expect("it ran");
    let read =
        ffmpeg(&[], &playlist, &["-f", "null"], None, &limits, |_| ()).await.expect("it ran");

    assert!(!probed.success && probed.symptoms.tail().contains("not on whitelist"), "{probed:?}");
    assert!(!read.success && read.symptoms.tail().contains("not on whitelist"), "{read:?}");
    assert!(elsewhere.accept().is_err(), "somebody called");
}
