//! Whether an opened payload was meant for this request: its method, its path, now, and once.

use serde_json::{Map, Value};

/// Seconds that a payload may be old, and that the client's clock may be ahead.
const LEEWAY: f64 = 60.0;
/// Characters of a `jti`.
const LONGEST_JTI: usize = 256;

/// The `jti`, which nobody has checked yet; why not, where something else is wrong.
pub(super) fn check<'a>(
    header: &'a Map<String, Value>,
    method: &str,
    path: &str,
    now: i64,
) -> Result<&'a str, &'static str> {
    let text = |name: &str| header.get(name).and_then(Value::as_str);
    if text("htm") != Some(method) {
        return Err("htm is not the method");
    }
    if !text("htu").is_some_and(|htu| is_same(htu, path)) {
        return Err("htu is not the path");
    }
    // NumericDate (RFC 7519, 2), which may have a fraction.
    let issued = header.get("iat").and_then(Value::as_f64).ok_or("iat is no number")?;
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are small")]
    let age = now as f64 - issued;
    if !(-LEEWAY..=LEEWAY).contains(&age) {
        return Err("iat is too long ago, or to come");
    }
    let jti = text("jti").filter(|jti| !jti.is_empty() && jti.len() <= LONGEST_JTI);
    jti.ok_or("jti is missing, empty or too long")
}

/// A slash at the end makes no difference.
fn is_same(htu: &str, path: &str) -> bool {
    let stem = |path: &str| path.strip_suffix('/').map(str::to_owned).unwrap_or(path.to_owned());
    htu.starts_with('/') && stem(htu) == stem(path)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn checked(change: impl FnOnce(&mut Value)) -> Result<String, &'static str> {
        let mut header = json!({ "htm": "POST", "htu": "/orders/", "iat": NOW, "jti": "7" });
        change(&mut header);
        let header = header.as_object().unwrap();
        check(header, "POST", "/orders/", NOW).map(str::to_owned)
    }

    #[test]
    fn what_was_meant_for_here_and_now_passes() {
        assert_eq!(checked(|_| {}).as_deref(), Ok("7"));
        for iat in [json!(NOW - 60), json!(NOW + 60), json!(1_799_999_999.5)] {
            assert!(checked(|header| header["iat"] = iat).is_ok());
        }
        assert!(checked(|header| header["htu"] = json!("/orders")).is_ok());
    }

    #[test]
    fn what_was_meant_for_elsewhere_or_another_time_does_not() {
        for (name, value) in [
            ("htm", json!("post")),
            ("htm", json!("PUT")),
            ("htm", json!(["POST"])),
            ("htu", json!("/orders//")),
            ("htu", json!("orders")),
            ("htu", json!("/orders/?limit=1")),
            ("htu", json!("http://vetted.example/orders/")),
            ("htu", json!("")),
            ("iat", json!(NOW - 61)),
            ("iat", json!(NOW + 61)),
            ("iat", json!(NOW.to_string())),
            ("iat", json!(1e300)),
            ("iat", Value::Null),
            ("jti", json!("")),
            ("jti", json!(7)),
            ("jti", json!("x".repeat(257))),
        ] {
            assert!(checked(|header| header[name] = value.clone()).is_err(), "{name}: {value}");
        }
        for name in ["htm", "htu", "iat", "jti"] {
            let without = checked(|header| drop(header.as_object_mut().unwrap().remove(name)));
            assert!(without.is_err(), "{name}");
        }
    }
}
