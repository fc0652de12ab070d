use super::*;

fn load(environment: &[(&str, &str)], file: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let map = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    Config::from_variables(Variables { environment: map(environment), file: map(file) })
}

fn sentence(variable: &str, value: &str) -> String {
    load(&[(variable, value)], &[]).unwrap_err().to_string()
}

fn listing(config: &Config) -> String {
    super::listing(config).join("\n")
}

#[test]
fn with_nothing_set_everything_is_embedded() {
    let config = load(&[], &[]).unwrap();

    assert!(config.database_url.is_none() && config.nats.is_none() && config.smtp_url.is_none());
    assert_eq!(config.storage, Storage::Folder(".data/media".into()));
    assert_eq!(config.secrets_file, PathBuf::from(".data/secrets.json"));
    assert_eq!(config.public_url.as_str(), "http://127.0.0.1:8000/");
    assert_eq!(config.max_video_bytes, 1024 * 1024 * 1024);
}

#[test]
fn public_url_follows_bind() {
    let config = load(&[("BIND", "127.0.0.1:9001")], &[]).unwrap();

    assert_eq!(config.public_url.as_str(), "http://127.0.0.1:9001/");
}

#[test]
fn tls_takes_both_files_and_makes_the_public_address_https() {
    let (certificate, key) = (("TLS_CERT_FILE", "cert.pem"), ("TLS_KEY_FILE", "key.pem"));

    let config = load(&[certificate, key], &[]).unwrap();

    assert_eq!(config.public_url.as_str(), "https://127.0.0.1:8000/");
    let bound = "127.0.0.1:1".parse().unwrap();
    assert_eq!(config.public_url_at(bound).as_str(), "https://127.0.0.1:1/");
    for (given, missing) in [(certificate, "TLS_KEY_FILE"), (key, "TLS_CERT_FILE")] {
        let sentence = load(&[given], &[]).unwrap_err().to_string();
        assert!(sentence.starts_with(&format!("{missing} must be set ")), "{sentence}");
    }
}

#[test]
fn limits_of_connections_that_are_left_out_have_their_defaults() {
    let limits = load(&[("CONNECTION_LIMITS", "address=20")], &[]).unwrap().connection_limits;

    assert_eq!((limits.total, limits.address), (10_000, 20));
}

#[test]
fn the_environment_wins_over_the_file_and_an_empty_value_is_unset() {
    let config = load(
        &[("BIND", "127.0.0.1:1"), ("DATA_DIR", "")],
        &[("BIND", "127.0.0.1:2"), ("DATA_DIR", "/srv/vetted")],
    )
    .unwrap();

    assert_eq!(config.bind.port(), 1);
    assert_eq!(config.data_dir, PathBuf::from("/srv/vetted"));
}

#[test]
fn a_wrong_value_is_one_sentence_that_names_the_variable() {
    assert_eq!(
        sentence("BIND", "8000"),
        "BIND must be an IP address and a port such as 127.0.0.1:8000, but is \"8000\""
    );
    for (variable, value) in [
        ("DATABASE_URL", "mysql://localhost/x"),
        ("DATABASE_DIRECT_URL", "db:5432"),
        ("MIGRATION_DATABASE_URL", "owner@db"),
        ("DATABASE_POOLER", "statement"),
        ("NATS_URL", "localhost:4222"),
        ("NATS_PREFIX", "a.b"),
        ("STORAGE_URL", "s3:///prefix"),
        ("STORAGE_URL", "/srv/media"),
        ("SMTP_URL", "http://mail"),
        ("MAIL_FROM", "Vetted"),
        ("PUBLIC_URL", "vetted.example.com"),
        ("MAX_VIDEO_BYTES", "1 GiB"),
        ("MAX_VIDEO_BYTES", "0"),
        ("CORS_ALLOWED_ORIGINS", "https://a.example/path"),
        ("CORS_ALLOWED_ORIGINS", "*"),
        ("REQUIRE_PAYLOAD_ENCRYPTION", "maybe"),
        ("REQUIRE_POLICY", "REJECT"),
        ("ALLOW_UNSAFE_DATABASE", "2"),
        ("LOG_FORMAT", "xml"),
        ("RUST_LOG", "info,=,="),
        ("TRUSTED_PROXIES", "10.0.0.0/33"),
        ("TRUSTED_PROXIES", "proxy.example.com"),
        ("VIDEO_MAX_SECONDS", "an hour"),
        ("VIDEO_MAX_SIDE", "0"),
        ("VIDEO_MAX_PIXELS", "-1"),
        ("VIDEO_CONTAINERS", "mp4,wmv"),
        ("VIDEO_CODECS", "H.264"),
        ("VIDEO_TIMEOUT", "0"),
        ("VIDEO_MEMORY", "1000"),
        ("VIDEO_TRANSCODE", "perhaps"),
        ("VIDEO_TRANSCODE_TIMEOUT", "-1"),
        ("VIDEO_TRANSCODE_THREADS", "65"),
        ("CLAMD_URL", "clamd:3310"),
        ("REQUIRE_SECOND_FACTOR", "ADMIN;STAFF"),
        ("REQUIRE_SECOND_FACTOR", "admin"),
        ("SESSION_IDLE_DAYS", "0"),
        ("SESSION_IDLE_DAYS", "15"),
        ("RATE_LIMITS", "reads"),
        ("RATE_LIMITS", "reads=0"),
        ("RATE_LIMITS", "writes=5"),
        ("CONNECTION_LIMITS", "512"),
        ("CONNECTION_LIMITS", "total=0"),
        ("CONNECTION_LIMITS", "network=5"),
        ("OPERATIONS_BIND", "9000"),
        ("OPERATIONS_BIND", "127.0.0.1:8000"),
    ] {
        let sentence = sentence(variable, value);
        assert!(sentence.starts_with(&format!("{variable} must be ")), "{value}: {sentence}");
    }
}

#[test]
fn a_wrong_address_is_not_repeated_for_it_may_hold_a_password() {
    assert!(!sentence("DATABASE_URL", "mysql://me:hunter2@localhost/x").contains("hunter2"));
}

#[test]
fn passwords_that_everybody_knows_are_noticed() {
    let known = |database: &str, mail: &str| {
        let config = load(&[("DATABASE_URL", database), ("SMTP_URL", mail)], &[]).unwrap();
        config.with_known_passwords()
    };

    assert_eq!(
        known("postgres://me:postgres@db/x", "smtp://a:secret@mail"),
        ["DATABASE_URL", "SMTP_URL"]
    );
    assert!(known("postgres://me:k3nnt-niemand@db/x", "smtp://mail:25").is_empty());
    assert!(load(&[], &[]).unwrap().with_known_passwords().is_empty());
}

#[test]
fn services_without_verified_tls_are_refused_where_it_is_required() {
    let required = |variable: &str, value: &str| {
        let bucket = [("STORAGE_URL", "s3://videos"), ("REQUIRE_SERVICE_TLS", "true")];
        load(&[bucket.as_slice(), &[(variable, value)]].concat(), &[]).map(drop)
    };
    for (variable, refused) in [
        ("DATABASE_URL", "postgres://me:secret@db:5432/x"),
        ("DATABASE_URL", "postgres://me:secret@db:5432/x?sslmode=require"),
        ("DATABASE_DIRECT_URL", "postgres://me:secret@db:5432/x?sslmode=require"),
        ("NATS_URL", "nats://me:secret@nats:4222"),
        ("NATS_URL", "tls://me:secret@a:4222,nats://me:secret@b:4222"),
        ("SMTP_URL", "smtp://me:secret@mail:587"),
        ("AWS_ENDPOINT", "http://me:secret@minio:9000"),
    ] {
        let told = required(variable, refused).unwrap_err().to_string();
        assert!(told.starts_with(variable) && told.contains("REQUIRE_SERVICE_TLS"), "{told}");
        assert!(!told.contains("secret"), "{told}");
    }
    for (variable, taken) in [
        ("DATABASE_URL", "postgres://me@db/x?sslmode=verify-full&sslrootcert=ca.pem"),
        ("DATABASE_URL", "postgres://me@127.0.0.1/x"),
        ("DATABASE_URL", "postgres:///x?host=/run/postgresql"),
        ("NATS_URL", "tls://a:4222,tls://b:4222"),
        ("NATS_URL", "nats://localhost:4222"),
        ("SMTP_URL", "smtps://mail"),
        ("SMTP_URL", "smtp://mail:587?tls=required"),
        ("SMTP_URL", "smtp://[::1]:1025"),
        ("AWS_ENDPOINT", "https://minio:9000"),
        ("AWS_REGION", "eu-west-1"),
    ] {
        assert!(required(variable, taken).is_ok(), "{variable} {taken}");
    }
}

#[test]
fn the_owners_address_is_checked_as_that_of_the_role_that_serves() {
    let with = |owner: &str| {
        let serving = ("DATABASE_URL", "postgres://serving@127.0.0.1/x");
        load(&[serving, ("MIGRATION_DATABASE_URL", owner), ("REQUIRE_SERVICE_TLS", "true")], &[])
    };

    let config = with("postgres://me:postgres@127.0.0.1/x").unwrap();

    assert_eq!(config.with_known_passwords(), ["MIGRATION_DATABASE_URL"]);
    assert!(!listing(&config).contains("me:postgres"));
    let told = with("postgres://me:secret@db/x").unwrap_err().to_string();
    assert!(
        told.starts_with("MIGRATION_DATABASE_URL must be an address on this machine"),
        "{told}"
    );
}

#[test]
fn the_owners_address_alone_is_refused_for_it_would_leave_a_private_database_to_serve() {
    let told = sentence("MIGRATION_DATABASE_URL", "postgres://me:hunter2@db/x");

    let expected = "DATABASE_URL must be set where MIGRATION_DATABASE_URL is: to the address of the role that serves";
    assert_eq!(told, expected);
}

#[test]
fn proxies_are_networks_or_single_addresses() {
    let config = load(&[("TRUSTED_PROXIES", "10.0.0.0/8, 2001:db8::1")], &[]).unwrap();

    let expected = ["10.0.0.0/8", "2001:db8::1/128"].map(|net| net.parse().unwrap());
    assert_eq!(config.trusted_proxies, expected);
    assert!(load(&[], &[]).unwrap().trusted_proxies.is_empty());
}

#[test]
fn a_rate_limit_that_is_left_out_has_its_default() {
    let limits = |text| load(&[("RATE_LIMITS", text)], &[]).unwrap().rate_limits;

    assert_eq!(limits("off"), api::RateLimits::NONE);
    let usual = limits("");
    assert_eq!(limits("reads=5, uploads=off"), {
        usual.with("reads", std::num::NonZero::new(5)).unwrap().with("uploads", None).unwrap()
    });
}

#[test]
fn limits_of_videos_are_the_programs_own_unless_set() {
    use workers::video::media::{Family, Limits};

    assert_eq!(load(&[], &[]).unwrap().limits, Limits::default());
    let set = [
        ("MAX_VIDEO_BYTES", "1000"),
        ("VIDEO_CONTAINERS", "mp4, matroska"),
        ("VIDEO_CODECS", "h264,aac"),
        ("VIDEO_MAX_SECONDS", "60"),
        ("VIDEO_TRANSCODE", "off"),
        ("CLAMD_URL", "tcp://clamd:3310"),
    ];
    let config = load(&set, &[]).unwrap();
    let expected = Limits {
        max_bytes: 1000,
        max_output_bytes: 1000 + (64 << 20),
        containers: [Family::Mp4, Family::Matroska].into(),
        codecs: ["h264", "aac"].map(str::to_owned).into(),
        max_duration: std::time::Duration::from_mins(1),
        transcode: false,
        ..Limits::default()
    };
    assert_eq!(config.limits, expected);
    assert_eq!(config.scanner, workers::ScannerAddress::parse("tcp://clamd:3310"));
}

#[test]
fn a_bucket_has_a_name_and_a_prefix() {
    let config = load(&[("STORAGE_URL", "s3://media/shop/eu/")], &[]).unwrap();

    let expected = Storage::Bucket { name: "media".into(), prefix: "shop/eu".into() };
    assert_eq!(config.storage, expected);
}

#[test]
fn the_s3_client_is_told_of_both_places() {
    let config =
        load(&[("AWS_REGION", "eu")], &[("AWS_REGION", "us"), ("AWS_ENDPOINT", "x")]).unwrap();

    assert_eq!(config.aws["AWS_REGION"].expose_secret(), "eu");
    assert_eq!(config.aws["AWS_ENDPOINT"].expose_secret(), "x");
}

#[test]
fn nats_credentials_are_taken_out_of_the_address() {
    let config = load(&[("NATS_URL", "nats://me:a%2Fb+c@one:4222, nats://two:4222")], &[]).unwrap();

    let nats = config.nats.unwrap();
    assert_eq!(nats.servers, ["nats://one:4222", "nats://two:4222"]);
    let NatsLogin::User(user, password) = nats.login else { panic!("no user") };
    assert_eq!((user.as_str(), password.expose_secret()), ("me", "a/b+c"));
}

#[test]
fn a_lone_name_in_a_nats_address_is_a_token() {
    let config = load(&[("NATS_URL", "nats://t0ken@one:4222")], &[]).unwrap();

    let NatsLogin::Token(token) = config.nats.unwrap().login else { panic!("no token") };
    assert_eq!(token.expose_secret(), "t0ken");
}

#[test]
fn the_listing_hides_secrets_and_says_where_values_came_from() {
    let config = load(
        &[
            ("DATABASE_URL", "postgres://me:hunter2@db/vetted?sslpassword=hunter2&sslmode=require"),
            ("NATS_URL", "nats://hunter2@one:4222"),
        ],
        &[("SMTP_URL", "smtp://me:hunter2@mail:587")],
    )
    .unwrap();

    let listing = listing(&config);
    assert!(!listing.contains("hunter2"), "{listing}");
    let line = |name: &str| listing.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    assert!(line("DATABASE_URL").contains("environment  postgres://me:***@db/vetted?"));
    assert!(line("SMTP_URL").contains(".env         smtp://me:***@mail:587"));
    assert!(line("BIND").contains("default      127.0.0.1:8000"));
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn the_listing_for_programs_is_json() {
    let config = load(&[], &[]).unwrap();

    let settings = serde_json::to_value(config.settings()).unwrap();
    let bind = settings.as_array().unwrap().iter().find(|s| s["variable"] == "BIND").unwrap();
    assert_eq!(bind["origin"], "default");
}
