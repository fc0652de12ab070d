use aws_lc_rs::agreement::ECDH_P256;
use proptest::prelude::*;

use super::*;

const KID: &str = "the-key";

fn secret(byte: u8) -> PrivateKey {
    PrivateKey::from_private_key(&ECDH_P256, &[byte; 32]).unwrap()
}

fn key() -> PrivateKey {
    secret(7)
}

fn public() -> PublicKey {
    let public = key().compute_public_key().unwrap();
    PublicKey::from_sec1_bytes(public.as_ref()).unwrap()
}

fn sealed_with(members: Value) -> String {
    let to = PublicJwk { key: public(), kid: Some(KID.to_owned()) };
    seal(b"{\"name\":\"Lamp\"}", &to, members.as_object().cloned().unwrap()).unwrap()
}

fn sealed() -> String {
    sealed_with(json!({}))
}

/// A sealed payload with another protected header; what it authenticates is unchanged.
fn with_header(change: impl FnOnce(&mut Map<String, Value>)) -> String {
    let jwe = sealed();
    let (protected, rest) = jwe.split_once('.').unwrap();
    let mut header: Map<_, _> = serde_json::from_slice(&BASE64.decode(protected).unwrap()).unwrap();
    change(&mut header);
    format!("{}.{rest}", BASE64.encode(Value::Object(header).to_string()))
}

fn with(name: &str, value: Value) -> String {
    with_header(|header| {
        header.insert(name.to_owned(), value);
    })
}

fn refused(jwe: &str) -> JweError {
    open(jwe, &key(), KID).expect_err(jwe)
}

#[test]
fn what_was_sealed_is_opened_with_its_header() {
    let opened = open(&sealed_with(json!({ "htm": "POST" })), &key(), KID).unwrap();

    assert_eq!(opened.plaintext, b"{\"name\":\"Lamp\"}");
    assert_eq!((&opened.header["htm"], &opened.header["kid"]), (&json!("POST"), &json!(KID)));
}

#[test]
fn nothing_at_all_can_be_sealed_too() {
    let jwe = seal(b"", &public().into(), Map::new()).unwrap();

    assert_eq!(open(&jwe, &key(), KID).unwrap().plaintext, b"");
}

#[test]
fn who_the_parties_are_counts() {
    let jwe = sealed_with(json!({ "apu": "QWxpY2U", "apv": "Qm9i" }));

    assert!(open(&jwe, &key(), KID).is_ok());
    assert_eq!(refused(&with("apu", json!("QWxpY2U"))), JweError::Decryption);
    for wrong in [json!("QWxpY2U="), json!("a b"), json!(1), Value::Null] {
        assert_eq!(refused(&with("apu", wrong.clone())), JweError::Party);
        assert_eq!(refused(&with("apv", wrong)), JweError::Party);
    }
}

#[test]
fn another_form_is_refused() {
    let jwe = sealed();
    for wrong in [
        "",
        ".",
        "....",
        "a.b.c",
        &format!("{jwe}."),
        &format!("{jwe}.e30"),
        &jwe.replacen("..", ".AAAA.", 1),
    ] {
        assert!(
            matches!(refused(wrong), JweError::Form | JweError::Header),
            "{wrong}: {}",
            refused(wrong)
        );
    }
}

#[test]
fn a_header_that_means_something_else_is_refused() {
    for (name, value, why) in [
        ("zip", json!("DEF"), JweError::Zip),
        ("zip", Value::Null, JweError::Zip),
        ("crit", json!(["exp"]), JweError::Crit),
        ("crit", json!([]), JweError::Crit),
        ("alg", json!("ECDH-ES+A256KW"), JweError::Algorithm),
        ("alg", json!("dir"), JweError::Algorithm),
        ("alg", json!("RSA-OAEP"), JweError::Algorithm),
        ("alg", json!("none"), JweError::Algorithm),
        ("alg", json!(["ECDH-ES"]), JweError::Algorithm),
        ("enc", json!("A128GCM"), JweError::Algorithm),
        ("enc", json!("A256CBC-HS512"), JweError::Algorithm),
        ("kid", json!("another"), JweError::Kid),
        ("kid", json!(7), JweError::Kid),
        ("kid", Value::Null, JweError::Kid),
        ("epk", json!("text"), JweError::Epk),
        ("epk", Value::Null, JweError::Epk),
        ("epk", json!({}), JweError::Epk),
        ("later", json!("added"), JweError::Decryption),
    ] {
        assert_eq!(refused(&with(name, value.clone())), why, "{name}: {value}");
    }
    for missing in ["alg", "enc", "epk"] {
        assert!(open(&with_header(|header| drop(header.remove(missing))), &key(), KID).is_err());
    }
}

#[test]
fn a_point_that_is_none_of_the_curve_is_refused() {
    let epk = |name: &str, value: Value| {
        with_header(|header| {
            header["epk"][name] = value;
        })
    };
    for (name, value) in [
        ("x", json!(BASE64.encode([7; 32]))),
        ("y", json!(BASE64.encode([0; 32]))),
        ("x", json!(BASE64.encode([7; 33]))),
        ("x", json!("")),
        ("kty", json!("OKP")),
        ("crv", json!("X25519")),
        ("crv", json!("P-384")),
        ("d", json!(BASE64.encode([7; 32]))),
    ] {
        assert_eq!(refused(&epk(name, value.clone())), JweError::Epk, "{name}: {value}");
    }
}

#[test]
fn a_header_with_a_member_twice_or_too_large_is_refused() {
    let rest = sealed().split_once('.').map(|(_, rest)| rest.to_owned()).unwrap();
    let header = |json: &str| format!("{}.{rest}", BASE64.encode(json));

    assert_eq!(refused(&header(r#"{"alg":"ECDH-ES","alg":"ECDH-ES"}"#)), JweError::Header);
    assert_eq!(refused(&header(r#"{"epk":{"x":1,"x":1}}"#)), JweError::Header);
    assert_eq!(refused(&header("[]")), JweError::Header);
    assert_eq!(refused(&header("{")), JweError::Header);
    assert_eq!(refused(&with("pad", json!("x".repeat(5000)))), JweError::HeaderTooLarge);
}

#[test]
fn padding_and_other_spellings_of_the_same_bytes_are_refused() {
    let jwe = sealed();
    let parts: Vec<_> = jwe.split('.').collect();
    for part in [0, 2, 3, 4] {
        for change in ["=", "==", "\n", " ", "+", "/"] {
            let mut parts: Vec<_> = parts.iter().map(ToString::to_string).collect();
            parts[part].push_str(change);
            assert!(open(&parts.join("."), &key(), KID).is_err(), "{part} {change:?}");
        }
    }
    // 16 bytes leave four bits in their last letter, which have to be zero.
    let loose = format!("{}B", &jwe[..jwe.len() - 1]);
    assert!(open(&loose, &key(), KID).is_err());
}

#[test]
fn another_key_opens_nothing() {
    let other = secret(8);

    assert_eq!(open(&sealed(), &other, KID), Err(JweError::Decryption));
    assert_eq!(open(&sealed(), &key(), "another"), Err(JweError::Kid));
}

#[test]
fn iv_and_tag_have_their_size() {
    let jwe = sealed();
    let parts: Vec<_> = jwe.split('.').collect();
    for (part, bytes) in [(2, 11), (2, 13), (2, 16), (4, 15), (4, 12), (4, 0), (4, 17)] {
        let mut parts = parts.clone();
        let other = BASE64.encode(vec![0; bytes]);
        parts[part] = &other;
        assert_eq!(refused(&parts.join(".")), JweError::Size, "{part}: {bytes}");
    }
}

proptest! {
    #[test]
    fn text_that_nobody_sealed_is_never_opened(text in "[A-Za-z0-9_.-]{0,300}|.{0,300}") {
        prop_assert!(open(&text, &key(), KID).is_err());
    }

    #[test]
    fn what_was_changed_anywhere_is_never_opened(at: prop::sample::Index, to in any::<char>()) {
        let jwe = sealed();
        let at = at.index(jwe.len());
        let mut letters: Vec<_> = jwe.chars().collect();
        letters[at] = to;
        let changed: String = letters.into_iter().collect();
        prop_assert_eq!(open(&changed, &key(), KID).is_ok(), changed == jwe);
    }

    #[test]
    fn what_was_cut_or_doubled_is_never_opened(from: prop::sample::Index, len in 1_usize..40) {
        let jwe = sealed();
        let from = from.index(jwe.len());
        let to = (from + len).min(jwe.len());
        let cut = format!("{}{}", &jwe[..from], &jwe[to..]);
        let doubled = format!("{}{}", &jwe[..to], &jwe[from..]);
        prop_assert!(open(&cut, &key(), KID).is_err());
        prop_assert!(open(&doubled, &key(), KID).is_err());
    }

    #[test]
    fn headers_of_any_json_are_never_opened(header in any_json()) {
        let rest = sealed().split_once('.').map(|(_, rest)| rest.to_owned()).unwrap();
        let jwe = format!("{}.{rest}", BASE64.encode(header.to_string()));
        prop_assert!(open(&jwe, &key(), KID).is_err());
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "ECDH-ES|A256GCM|P-256|EC|[A-Za-z0-9_-]{43}|.{0,9}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 32, 8, |inner| {
        let name = "alg|enc|epk|kid|apu|apv|zip|crit|kty|crv|x|y|.{0,3}";
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name, inner, 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

#[test]
fn mutated_jwes_never_panic_and_are_never_opened() {
    let good = [json!({}), json!({ "htm": "POST", "apu": "QWxpY2U", "apv": "Qm9i" })];
    let good = good.map(|members| sealed_with(members).into_bytes());

    crate::mutated::feed("JWE", &good, |input| {
        let opened = std::str::from_utf8(input).is_ok_and(|jwe| open(jwe, &key(), KID).is_ok());
        assert_eq!(opened, good.iter().any(|jwe| jwe == input), "{input:?}");
    });
}
