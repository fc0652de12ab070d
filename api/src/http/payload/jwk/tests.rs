use p256::elliptic_curve::sec1::ToSec1Point;

use super::*;

fn secret() -> SecretKey {
    SecretKey::from_slice(&[7; 32]).unwrap()
}

fn point(secret: &SecretKey) -> [u8; 65] {
    let point = secret.public_key().to_sec1_point(false);
    point.as_bytes().try_into().unwrap()
}

fn public() -> Value {
    ephemeral(&point(&secret()))
}

fn private() -> Value {
    with(public(), "d", json!(BASE64.encode(secret().to_bytes())))
}

fn with(mut jwk: Value, name: &str, value: Value) -> Value {
    jwk[name] = value;
    jwk
}

fn sent(jwk: &Value) -> Result<PublicJwk, JwkError> {
    PublicJwk::from_base64url(&BASE64.encode(jwk.to_string()))
}

#[test]
fn a_public_key_is_read_with_what_its_owner_calls_it() {
    let named = with(with(public(), "kid", json!("mine")), "key_ops", json!([]));

    assert_eq!(sent(&named).unwrap().kid.as_deref(), Some("mine"));
    assert_eq!(sent(&public()).unwrap().key, secret().public_key());
    assert!(sent(&with(with(public(), "use", json!("enc")), "alg", json!("ECDH-ES"))).is_ok());
}

#[test]
fn a_key_that_is_of_no_use_is_refused_and_why_is_told() {
    let x = |text: String| with(public(), "x", json!(text));
    for (jwk, why) in [
        (with(public(), "kty", json!("OKP")), JwkError::Kind),
        (with(public(), "crv", json!("P-384")), JwkError::Kind),
        (with(public(), "y", Value::Null), JwkError::Kind),
        (x(BASE64.encode([7; 31])), JwkError::Kind),
        (x(format!("{}=", BASE64.encode([7; 32]))), JwkError::Kind),
        (x(BASE64.encode([7; 32])), JwkError::OffCurve),
        (with(x(BASE64.encode([0; 32])), "y", json!(BASE64.encode([0; 32]))), JwkError::OffCurve),
        (x(BASE64.encode([255; 32])), JwkError::OffCurve),
        (with(public(), "use", json!("sig")), JwkError::Purpose),
        (with(public(), "alg", json!("ECDH-ES+A256KW")), JwkError::Purpose),
        (with(public(), "kid", json!(7)), JwkError::Malformed),
        (private(), JwkError::Private),
        (json!([]), JwkError::Malformed),
    ] {
        assert_eq!(sent(&jwk), Err(why), "{jwk}");
    }
}

#[test]
fn what_is_no_jwk_in_base64url_is_refused() {
    let twice = r#"{"kty":"EC","kty":"EC"}"#;
    for text in ["", "ü", "e30=", "bm8", &BASE64.encode(twice), &"A".repeat(3000)] {
        assert!(PublicJwk::from_base64url(text).is_err(), "{text}");
    }
}

#[test]
fn a_private_key_goes_by_its_kid_or_else_by_its_thumbprint() {
    let named = with(private(), "kid", json!("mine"));

    assert_eq!(PrivateJwk::from_json(&named).unwrap().kid(), "mine");
    let unnamed = PrivateJwk::from_json(&private()).unwrap();
    assert_eq!(unnamed.kid(), thumbprint(&secret().public_key()));
    assert_eq!(unnamed.agreement().compute_public_key().unwrap().as_ref(), point(&secret()));
}

#[test]
fn a_private_half_that_is_missing_or_of_another_key_is_refused() {
    let refused = |jwk| PrivateJwk::from_json(&jwk).err();

    assert_eq!(refused(public()), Some(JwkError::NotPrivate));
    for other in [[8; 32], [0; 32], [255; 32]] {
        let jwk = with(private(), "d", json!(BASE64.encode(other)));
        assert_eq!(refused(jwk), Some(JwkError::NotPrivate));
    }
    assert_eq!(refused(json!("key")), Some(JwkError::Malformed));
}

#[test]
fn mutated_jwks_never_panic() {
    let good = [public(), with(public(), "kid", json!("mine")), private()];
    let good = good.map(|jwk| BASE64.encode(jwk.to_string()).into_bytes());

    crate::mutated::feed("Encryption-Key", &good, |input| {
        let jwk =
            std::str::from_utf8(input).ok().and_then(|text| PublicJwk::from_base64url(text).ok());
        assert!(jwk.is_none_or(|jwk| jwk.key == secret().public_key()), "{input:?}");
    });
}
