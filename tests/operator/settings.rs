//! Settings that name something of a known set.

use super::sentence;
use crate::support::program::Program;

#[tokio::test]
async fn an_unknown_name_is_refused_and_the_known_ones_are_told() {
    let postgres = "postgres://vetted:hunter2@db.example/vetted?sslmode=verify";
    for (variable, value, known) in [
        ("VIDEO_CODECS", "h265,foo", "h264,hevc"),
        ("VIDEO_CODECS", "h264,,h265", "h264,hevc"),
        ("VIDEO_CODECS", ",", "h264,hevc"),
        ("VIDEO_CONTAINERS", "mp4,webm", "mp4,matroska,avi,mpegts"),
        ("VIDEO_CONTAINERS", ",", "mp4,matroska,avi,mpegts"),
        ("REQUIRE_SECOND_FACTOR", "ADMIN,OWNER", "END_USER,STAFF,ADMIN,AUDITOR"),
        ("RATE_LIMITS", "read=5", "reads=1200000,commands=600000"),
        ("CONNECTION_LIMITS", "all=5", "total=10000,address=512"),
        ("LOG_FORMAT", "JSON", "text or json"),
        ("NATS_REPLICAS", "2", "1, 3 or 5"),
        ("RUST_LOG", "verbose", "error, warn, info, debug, trace"),
        ("RUST_LOG", "info,sqlx=loud", "error, warn, info, debug, trace"),
        ("DATABASE_URL", postgres, "verify-ca, verify-full"),
        ("SMTP_URL", "smtp://mail.example?tls=yes", "required, opportunistic"),
        ("STORAGE_URL", "gs://bucket", "s3://"),
    ] {
        let told = Program::new(&[(variable, value)]).run(&["config"]).await.expect(1);

        let told = sentence(&told);
        assert!(told.starts_with(&format!("{variable} must be ")), "{told}");
        assert!(told.contains(known) && !told.contains("hunter2"), "{known}: {told}");
    }
}

#[tokio::test]
async fn known_names_are_taken() {
    for (variable, value) in [
        ("VIDEO_CODECS", "h264, aac,pcm"),
        ("VIDEO_CONTAINERS", "mp4"),
        ("REQUIRE_SECOND_FACTOR", "ADMIN,STAFF"),
        ("RUST_LOG", "warn,security=info,tower_http=trace,hyper::proto=debug"),
        ("RUST_LOG", "INFO,api"),
        ("DATABASE_URL", "postgres://vetted@db.example/vetted?sslmode=verify-full"),
        ("SMTP_URL", "smtp://mail.example?tls=required"),
    ] {
        Program::new(&[(variable, value)]).run(&["config"]).await.expect(0);
    }
}
