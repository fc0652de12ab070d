//! `vetted jwe-open`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use p256::SecretKey;
use serde_json::{Value, json};

use super::sealer;
use crate::support::program::{Outcome, Program};

/// Bob's key of RFC 7518, appendix C, and Alice's ephemeral one.
const BOB: &str = "VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw";
const ALICE: &str = "0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo";

fn key(scalar: &str) -> SecretKey {
    SecretKey::from_slice(&BASE64.decode(scalar).unwrap()).unwrap()
}

async fn open(line: &str) -> Outcome {
    // It needs no configuration, not even one that is right.
    Program::new(&[("DATABASE_URL", "wrong")]).run_with(line, &["jwe-open"]).await
}

async fn asked(jwk: &Value, jwe: &str) -> Outcome {
    open(&json!({ "jwk": jwk, "jwe": jwe }).to_string()).await
}

#[track_caller]
fn refused(outcome: &Outcome, what: &str) {
    assert!(matches!(outcome.code, Some(1..=99)), "{what}: {outcome:?}");
    assert!(outcome.stdout.is_empty(), "{what}: {outcome:?}");
    assert!(outcome.stderr.starts_with("vetted: "), "{what}: {outcome:?}");
    assert_eq!(outcome.stderr.lines().count(), 1, "{what}: {outcome:?}");
}

#[tokio::test]
async fn it_opens_what_the_keys_of_rfc_7518_appendix_c_agree_on() {
    let (alice, bob) = (key(ALICE), key(BOB));
    let header = json!({
        "alg": "ECDH-ES", "enc": "A256GCM", "apu": "QWxpY2U", "apv": "Qm9i",
        "epk": {
            "kty": "EC", "crv": "P-256",
            "x": "gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0",
            "y": "SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps",
        },
    });
    let jwe = sealer::seal_text(&bob.public_key(), &alice, &header.to_string(), b"a lamp");
    let jwk = json!({
        "kty": "EC", "crv": "P-256", "d": BOB,
        "x": "weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ",
        "y": "e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck",
    });

    let opened = asked(&jwk, &jwe).await.expect(0);

    assert_eq!(opened.stdout, format!("{}\n", BASE64.encode("a lamp")));
    assert!(opened.stderr.is_empty(), "{opened:?}");
    let foreign = jwe.replacen(
        &BASE64.encode(header.to_string()),
        &{
            let mut header = header.clone();
            header["apu"] = json!("Qm9i");
            BASE64.encode(header.to_string())
        },
        1,
    );
    refused(&asked(&jwk, &foreign).await, "another apu");
}

#[tokio::test]
async fn it_opens_anything_that_was_encrypted_to_the_key_and_asks_no_more() {
    let secret = sealer::random();
    let mut jwk = sealer::private_jwk(&secret);
    jwk["kid"] = json!("mine");
    for (header, plaintext) in [
        (json!({}), &b""[..]),
        (json!({ "kid": "mine" }), b"\x00\xff\n"),
        (json!({ "htm": "PUT", "iat": 1 }), b"{}"),
        (json!({ "apu": "QWxpY2U", "cty": "json" }), &vec![7; 100_000]),
    ] {
        let mut header = header;
        header["alg"] = json!("ECDH-ES");
        header["enc"] = json!("A256GCM");
        let jwe = sealer::seal(&secret.public_key(), &header, plaintext);
        let opened = asked(&jwk, &jwe).await.expect(0);
        assert_eq!(opened.stdout.trim_end(), BASE64.encode(plaintext), "{header}");
    }
}

#[tokio::test]
async fn it_refuses_what_the_api_refuses() {
    let secret = sealer::random();
    let mut jwk = sealer::private_jwk(&secret);
    jwk["kid"] = json!("mine");
    let good = json!({ "alg": "ECDH-ES", "enc": "A256GCM" });
    let with = |name: &str, value: Value| {
        let mut header = good.clone();
        header[name] = value;
        sealer::seal(&secret.public_key(), &header, b"a lamp")
    };
    let mut off_curve = sealer::jwk(&sealer::random().public_key());
    off_curve["y"] = off_curve["x"].clone();
    let mine = sealer::random();
    let epk = sealer::jwk(&mine.public_key());
    let twice = format!(r#"{{"alg":"ECDH-ES","alg":"ECDH-ES","enc":"A256GCM","epk":{epk}}}"#);
    let jwe = with("kid", json!("mine"));

    for (what, jwe) in [
        ("zip", with("zip", json!("DEF"))),
        ("crit", with("crit", json!(["exp"]))),
        ("alg", with("alg", json!("ECDH-ES+A128KW"))),
        ("enc", with("enc", json!("A192GCM"))),
        ("kid", with("kid", json!("another"))),
        ("apv", with("apv", json!([]))),
        ("off the curve", with("epk", off_curve)),
        ("too large", with("pad", json!("x".repeat(5_000)))),
        ("twice", sealer::seal_text(&secret.public_key(), &mine, &twice, b"a lamp")),
        ("another key", sealer::seal(&mine.public_key(), &good, b"a lamp")),
        ("a letter more", format!("{jwe}A")),
        ("padding", format!("{jwe}=")),
        ("a part more", format!("{jwe}.AAAA")),
        ("nothing", String::new()),
    ] {
        refused(&asked(&jwk, &jwe).await, what);
    }
    asked(&jwk, &jwe).await.expect(0);
}

#[tokio::test]
async fn it_says_what_is_wrong_with_its_input_without_repeating_it() {
    let secret = sealer::random();
    let jwk = sealer::private_jwk(&secret);
    let other = sealer::private_jwk(&sealer::random());
    let header = json!({ "alg": "ECDH-ES", "enc": "A256GCM" });
    let jwe = sealer::seal(&secret.public_key(), &header, b"a lamp");
    let mut mixed = jwk.clone();
    mixed["d"] = other["d"].clone();
    let scalar = jwk["d"].as_str().unwrap();

    for line in [
        String::new(),
        "\n".to_owned(),
        "[]".to_owned(),
        "{".to_owned(),
        json!({ "jwe": jwe }).to_string(),
        json!({ "jwk": jwk }).to_string(),
        json!({ "jwk": jwk, "jwe": 7 }).to_string(),
        json!({ "jwk": sealer::jwk(&secret.public_key()), "jwe": jwe }).to_string(),
        json!({ "jwk": mixed, "jwe": jwe }).to_string(),
        json!({ "jwk": other, "jwe": jwe }).to_string(),
        format!(r#"{{"jwk":{jwk},"jwe":"{jwe}","jwe":"{jwe}"}}"#),
        json!({ "jwk": jwk, "jwe": "A".repeat(5_000_000) }).to_string(),
        "[".repeat(100_000),
    ] {
        let outcome = open(&line).await;
        refused(&outcome, &line.chars().take(60).collect::<String>());
        assert!(!outcome.stderr.contains(scalar), "{outcome:?}");
    }
    open(&format!("{}\nand more\n", json!({ "jwk": jwk, "jwe": jwe }))).await.expect(0);
}
