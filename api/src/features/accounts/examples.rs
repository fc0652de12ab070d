//! Examples of accounts and sessions.

use domain::user::{
    ActivationResend, ChangeEmail, ChangePassword, ConfirmPasswordReset, ConfirmSecondFactor,
    ManageUser, Reauthenticate, Register, RequestPasswordReset, UndoEmailChange,
};
use domain::{Role, SessionId, UserId};
use projections::{ActivityEntry, User};
use serde_json::json;
use uuid::Uuid;

use super::Detail;
use super::me::Me;
use super::second_factor::{Enrolment, Recovery, SecondFactor};
use super::sessions::{CompleteLogin, Login, RefreshToken, Session, SignedIn};
use crate::features::feature::Example;
use crate::features::samples::{SIGNATURE, SUBMITTED, id};

pub(crate) const SELLER: Uuid = id(1);
pub(crate) const MODERATOR: Uuid = id(2);
pub(crate) const BUYER: Uuid = id(3);
pub(super) const SESSION: Uuid = id(8);

const EMAIL: &str = "ada@example.com";
const PASSWORD: &str = "three green lamps";
const UID: &str = "AZkKGyw9cACAAAAAAAAAAQ";
const TOKEN: &str = "bWFpbGVk";

/// Of each body.
pub(super) fn examples() -> Vec<Example> {
    let mut examples = requests();
    examples.extend(of_accounts());
    examples.extend(of_sessions());
    examples
}

fn requests() -> Vec<Example> {
    let credentials = || json!({ "email": EMAIL, "password": PASSWORD });
    let address = || json!({ "email": EMAIL });
    let code = || json!({ "code": "123456" });
    vec![
        Example::request::<Register>(credentials()),
        Example::request::<Login>(credentials()),
        Example::request::<ActivationResend>(address()),
        Example::request::<RequestPasswordReset>(address()),
        Example::request::<ChangeEmail>(address()),
        Example::request::<ConfirmPasswordReset>(
            json!({ "uid": UID, "token": TOKEN, "password": PASSWORD }),
        ),
        Example::request::<UndoEmailChange>(json!({ "uid": UID, "token": TOKEN })),
        Example::request::<CompleteLogin>(
            json!({ "challenge": "eyJhbGciOiJIUzI1NiJ9", "code": "123456" }),
        ),
        Example::request::<RefreshToken>(json!({ "refresh": "q83vEjRWeJA" })),
        Example::request::<Reauthenticate>(json!({ "password": PASSWORD })),
        Example::request::<ConfirmSecondFactor>(code()),
        Example::request::<ChangePassword>(
            json!({ "current_password": PASSWORD, "new_password": "four blue chairs" }),
        ),
        Example::request::<ManageUser>(json!({ "role": "STAFF" })),
    ]
}

fn of_accounts() -> Vec<Example> {
    vec![
        Example::answer(&user()),
        Example::answer(&User { role: Role::Staff, ..user() }).after("manageUser"),
        Example::answer(&Me::new(user(), format!("/live/?signature={SIGNATURE}"))),
        Example::answer(&activity()),
        Example::answer(&Detail {
            detail: "Open the link in the mail that is on its way to activate the account.",
        }),
    ]
}

fn of_sessions() -> Vec<Example> {
    vec![
        Example::of::<SignedIn>(json!({
            "access": "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFZERTQSJ9.eyJzdWIiOiI3In0.c2lnbmVk",
            "refresh": "q83vEjRWeJA", "token_type": "Bearer", "expires_in": 300, "user": user(),
        })),
        Example::of::<Session>(json!({
            "id": SessionId::from_uuid(SESSION), "current": true,
            "created_at": "2026-01-31T09:30:00.123456Z",
            "last_used_at": "2026-01-31T10:05:12.654321Z",
            "expires_at": "2026-02-14T10:05:12.654321Z",
        })),
        Example::of::<SecondFactor>(json!({ "enabled": true, "recovery_codes_left": 10 })),
        Example::of::<Enrolment>(json!({
            "secret": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
            "otpauth_url": "otpauth://totp/Vetted:ada%40example.com?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Vetted",
        })),
        Example::of::<Recovery>(json!({ "recovery_codes": ["bdtr-w4kx-hm2q"] })),
    ]
}

fn user() -> User {
    User {
        id: UserId::from_uuid(SELLER),
        email: Some("ada@example.com".to_owned()),
        role: Role::EndUser,
        is_active: true,
        date_joined: SUBMITTED,
        version: 2,
    }
}

fn activity() -> ActivityEntry {
    ActivityEntry {
        kind: "signed_in".to_owned(),
        at: SUBMITTED,
        session: Some(SessionId::from_uuid(SESSION)),
        client: Some("192.0.2.0/24".to_owned()),
        detail: Some("password".to_owned()),
    }
}
