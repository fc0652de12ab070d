use serde_json::json;

use super::*;
use crate::{EmailAddress, NewEmailAddress};

const NOT_AN_EMAIL: &str = "Enter a valid e-mail address.";
const ROLES: &str = "Not a valid choice: one of END_USER, STAFF, ADMIN, AUDITOR is expected.";

#[test]
fn these_are_addresses() {
    for address in [
        "alice@example.org",
        "Alice.Smith+lamps@mail.example.co.uk",
        "o'hara@example.org",
        "a@b.de",
        "1@2.example",
        "jürgen@bücher.example",
        "alice@xn--bcher-kva.example",
        "用户@例子.广告",
        "!#$%&'*+-/=?^_`{|}~@example.org",
    ] {
        assert!(address.parse::<EmailAddress>().is_ok(), "{address}");
    }
    let local = "a".repeat(64);
    assert!(format!("{local}@example.org").parse::<EmailAddress>().is_ok());
}

#[test]
fn a_new_account_takes_no_address_that_could_be_taken_for_another() {
    for address in [
        "alice@example.org",
        "jürgen@bücher.example",
        "用户@例子.广告",
        "alice@bu\u{308}cher.example",
        "alice@faß.example",
        "alice@my-shop.example",
    ] {
        assert!(address.parse::<NewEmailAddress>().is_ok(), "{address}");
    }
    for address in [
        "ｖictim@example.org",
        "ﬁona@example.org",
        "victim²@example.org",
        "ju\u{308}rgen@example.org",
        "vic\u{200b}tim@example.org",
        "vic\u{ad}tim@example.org",
        "victim\u{fe0f}@example.org",
        "\u{2067}victim@example.org",
        "victim@sh⒈p.example",
        "victim@shop\u{200b}.example",
        "a@xn--a.com",
        "a@1.2.3.4",
        "a@example.123",
    ] {
        assert!(address.parse::<NewEmailAddress>().is_err(), "{address:?}");
    }
    // An account that has one already is still found by it.
    let (old, owner): (EmailAddress, EmailAddress) =
        ("ｖictim@example.org".parse().unwrap(), "victim@example.org".parse().unwrap());
    assert_eq!(old.folded(), owner.folded());
}

#[test]
fn these_are_no_addresses() {
    for address in [
        "alice",
        "alice@",
        "@example.org",
        "alice@localhost",
        "alice@example.org.",
        "alice@@example.org",
        "alice@example@org",
        "alice smith@example.org",
        ".alice@example.org",
        "alice.@example.org",
        "alice..smith@example.org",
        "alice@example..org",
        "alice@-example.org",
        "alice@example-.org",
        "alice@[127.0.0.1]",
        "Alice <alice@example.org>",
        "<alice@example.org>",
        "alice@example.org, bob@example.org",
        "alice@example.org\r\nBcc: bob@example.org",
        "alice@exam\nple.org",
        "al\u{7f}ice@example.org",
        "alice@example.org?subject=x",
        "alice@exam_ple.org",
        "alice@example!.org",
        "alice@example.org/lamps",
        "\"alice\r\nBcc: bob@example.org\"@example.org",
        "\"alice\nsmith\"@example.org",
        "\"alice@example.org",
        "\"alice\"@example.org",
        "\"alice smith\"@example.org",
        "\"alice@home\"@example.org",
        "alice@exa\u{202e}mple.org",
        "ali\u{202e}ce@example.org",
        "ali\u{200b}ce@example.org",
    ] {
        assert!(address.parse::<EmailAddress>().is_err(), "{address:?}");
    }
    let (local, domain) = ("a".repeat(65), "d".repeat(63));
    for address in [
        format!("{local}@example.org"),
        format!("alice@{domain}d.org"),
        format!("alice@{domain}.{domain}.{domain}.{domain}.org"),
    ] {
        assert!(address.parse::<EmailAddress>().is_err(), "{address}");
    }
}

#[test]
fn an_address_is_kept_as_typed_and_compared_without_regard_to_case() {
    for (one, other) in [
        ("Alice@Example.ORG", " alice@example.org\n"),
        ("JÜRGEN@BÜCHER.example", "jürgen@bücher.example"),
        ("jürgen@bücher.example", "jürgen@XN--bcher-kva.example"),
        ("alice@bu\u{308}cher.example", "alice@bücher.example"),
        ("alice@ｓhop.example", "alice@shop.example"),
        ("alice@faß.example", "alice@xn--fa-hia.example"),
    ] {
        let (one, other): (EmailAddress, EmailAddress) =
            (one.parse().unwrap(), other.parse().unwrap());
        assert_eq!(one.folded(), other.folded());
    }
    let typed: EmailAddress = " Alice@Example.ORG ".parse().unwrap();
    assert_eq!(typed.as_str(), "Alice@Example.ORG");
    let (one, other): (EmailAddress, EmailAddress) =
        ("alice@faß.example".parse().unwrap(), "alice@fass.example".parse().unwrap());
    assert_ne!(one.folded(), other.folded());
}

#[test]
fn mail_goes_to_the_domain_that_the_dns_knows() {
    for (typed, mailbox) in [
        ("Alice@Example.ORG", "Alice@Example.ORG"),
        ("alice@München.test", "alice@xn--mnchen-3ya.test"),
        ("alice@ｓhop.example", "alice@shop.example"),
        ("alice@bu\u{308}cher.example", "alice@xn--bcher-kva.example"),
    ] {
        assert_eq!(typed.parse::<EmailAddress>().unwrap().mailbox(), mailbox);
    }
}

#[test]
fn a_password_has_eight_to_a_hundred_and_twenty_eight_characters_of_any_kind() {
    let body = |password: &str| {
        wrong::<Register>(json!({ "email": "alice@example.org", "password": password }))
    };
    for password in [
        "12345678",
        "        ",
        " a\tb\nc\u{0}d ",
        "пароль12",
        "💡💡💡💡💡💡💡💡",
        &"x".repeat(128),
        &"💡".repeat(128),
    ] {
        assert_eq!(body(password), json!({}), "{password:?}");
    }
    for password in ["", "1234567", "💡💡💡💡💡💡💡", "пароль1"] {
        let errors = json!({ "password": ["At least 8 characters are needed."] });
        assert_eq!(body(password), errors, "{password:?}");
    }
    for password in ["x".repeat(129), "💡".repeat(129)] {
        let errors = json!({ "password": ["At most 128 characters are allowed."] });
        assert_eq!(body(&password), errors);
    }
}

#[test]
fn a_password_is_taken_as_typed() {
    let body = json!({ "email": "alice@example.org", "password": "  Straße 1 " });

    let register: Register = crate::read(body).unwrap();

    assert_eq!(register.password.as_str(), "  Straße 1 ");
}

#[test]
fn a_registration_is_told_everything_that_is_wrong_with_it() {
    for (body, errors) in [
        (
            json!({ "email": "a@b.de", "password": "12345678", "role": "STAFF" }),
            json!({}), // the command judges the role: 403
        ),
        (
            json!({}),
            json!({
                "email": ["This field is required."],
                "password": ["This field is required."],
            }),
        ),
        (
            json!({ "email": "alice", "password": "short", "role": "end_user", "is_staff": true }),
            json!({
                "email": [NOT_AN_EMAIL],
                "password": ["At least 8 characters are needed."],
                "role": [ROLES],
                "is_staff": ["Unknown field: leave it out."],
            }),
        ),
        (
            json!({ "email": null, "password": null, "role": null }),
            json!({
                "email": ["This field may not be null."],
                "password": ["This field may not be null."],
                "role": ["This field may not be null."],
            }),
        ),
        (
            json!({ "email": ["a@b.de"], "password": 12_345_678, "role": 1 }),
            json!({
                "email": ["Wrong type: a string is expected."],
                "password": ["Wrong type: a string is expected."],
                "role": ["Wrong type: a string is expected."],
            }),
        ),
        (
            json!({ "email": "a\u{0}@b.de", "password": "12345678" }),
            json!({ "email": ["Null characters are not allowed."] }),
        ),
        (
            json!({ "email": " ", "password": "12345678" }),
            json!({ "email": ["This field may not be blank."] }),
        ),
        (
            json!({ "email": format!("{}@b.de", "a".repeat(250)), "password": "12345678" }),
            json!({ "email": ["At most 254 characters are allowed."] }),
        ),
    ] {
        assert_eq!(wrong::<Register>(body.clone()), errors, "{body}");
    }
}

#[test]
fn the_other_bodies_tell_every_wrong_field_too() {
    let required = json!(["This field is required."]);
    let too_short = json!(["At least 8 characters are needed."]);
    assert_eq!(
        wrong::<ConfirmPasswordReset>(json!({ "password": "short" })),
        json!({ "uid": required, "token": required, "password": too_short })
    );
    assert_eq!(
        wrong::<ChangePassword>(json!({ "new_password": "short" })),
        json!({ "current_password": required, "new_password": too_short })
    );
    assert_eq!(wrong::<RequestPasswordReset>(json!({})), json!({ "email": required }));
    assert_eq!(
        wrong::<ActivationResend>(json!({ "email": 1, "x": 1 })),
        json!({
            "email": ["Wrong type: a string is expected."],
            "x": ["Unknown field: leave it out."],
        })
    );
    assert_eq!(wrong::<ChangeEmail>(json!({})), json!({}));
    assert_eq!(
        wrong::<ChangeEmail>(json!({ "email": "alice" })),
        json!({ "email": [NOT_AN_EMAIL] })
    );
}

#[test]
fn managing_takes_role_and_access_each_on_its_own() {
    for (body, errors) in [
        (json!({}), json!({})),
        (json!({ "role": "AUDITOR" }), json!({})),
        (json!({ "is_active": false }), json!({})),
        (
            json!({ "role": "OWNER", "is_active": "no", "email": "a@b.de" }),
            json!({
                "role": [ROLES],
                "is_active": ["Wrong type: true or false is expected."],
                "email": ["Unknown field: leave it out."],
            }),
        ),
        (
            json!({ "role": null, "is_active": null }),
            json!({
                "role": ["This field may not be null."],
                "is_active": ["This field may not be null."],
            }),
        ),
    ] {
        assert_eq!(wrong::<ManageUser>(body.clone()), errors, "{body}");
    }
}
