use std::fmt;

use deserr::{DeserializeError, Deserr, IntoValue, Value, ValuePointerRef};
use utoipa::ToSchema;

use crate::input::read_string;
use crate::{Actor, EmailAddress, Given, NewEmailAddress, Personal, Role, SessionId, UserId};

/// What can be asked of an account. Who may ask is decided before: by a password, a link from a
/// mail, or a session; `Manage` is the exception.
#[derive(Clone, Debug)]
pub enum UserCommand {
    /// Makes it.
    Register {
        /// Where mails go.
        email: Personal,
        /// What it may do.
        role: Role,
    },
    /// Somebody tried to register its address again.
    NoteRepeatedRegistration,
    /// Asks for another activation mail.
    RequestActivation,
    /// The address is confirmed.
    Activate,
    /// Asks for another address.
    RequestEmailChange {
        /// The new one.
        email: Personal,
    },
    /// The new address is confirmed.
    ConfirmEmailChange,
    /// Asks for a link that sets a new password.
    RequestPasswordReset,
    /// Such a link was used.
    ResetPassword {
        /// Which password the link replaces.
        generation: u32,
    },
    /// A new password was set by somebody who gave the old one.
    ChangePassword {
        /// How many passwords came before the one that was given.
        generation: u32,
    },
    /// The link in the mail to a former address was used.
    UndoEmailChange {
        /// The sequence of the change.
        change: i64,
    },
    /// Asks that the password be changed before anything else is done.
    RequirePasswordChange,
    /// A code of a new second factor was given.
    EnableSecondFactor,
    /// Asks that the password be enough again.
    DisableSecondFactor,
    /// Takes the second factor away from somebody who has lost it.
    ResetSecondFactor,
    /// Asks for new recovery codes.
    ReplaceRecoveryCodes,
    /// Ends one session.
    EndSession {
        /// Which.
        session: SessionId,
    },
    /// Ends all sessions.
    EndAllSessions,
    /// Its person asks to be forgotten.
    RequestErasure,
    /// Forgets its person, who asked for it.
    Erase,
    /// An ADMIN changes role or access.
    Manage {
        /// The ADMIN.
        by: Actor,
        /// This account's id.
        user: UserId,
        /// The changes.
        manage: ManageUser,
    },
}

/// A password as typed: any Unicode, 8 to 128 characters, not trimmed (ASVS 5.0, 6.2).
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// As typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn try_new(text: String) -> Result<Self, String> {
        match text.chars().count() {
            0..8 => Err("At least 8 characters are needed.".to_owned()),
            8..=128 => Ok(Self(text)),
            _ => Err("At most 128 characters are allowed.".to_owned()),
        }
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

impl<E: DeserializeError> Deserr<E> for Password {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, E> {
        read_string(value, location, Self::try_new)
    }
}

/// Body of `POST /register/`.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(deny_unknown_fields)]
pub struct Register {
    /// Where the activation mail goes.
    #[schema(value_type = String, format = "email", max_length = 254)]
    pub email: NewEmailAddress,
    /// 8 to 128 characters, not a common one.
    #[schema(value_type = String, format = "password", min_length = 8, max_length = 128)]
    pub password: Password,
    /// Only `END_USER` is accepted.
    #[deserr(default)]
    #[schema(value_type = Role, required = false)]
    pub role: Given<Role>,
}

/// Body of `POST /activate/resend/`.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(deny_unknown_fields)]
pub struct ActivationResend {
    /// The registered address.
    #[schema(value_type = String, format = "email", max_length = 254)]
    pub email: EmailAddress,
}

/// Body of `POST /password/reset/`.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(deny_unknown_fields)]
pub struct RequestPasswordReset {
    /// The registered address.
    #[schema(value_type = String, format = "email", max_length = 254)]
    pub email: EmailAddress,
}

/// Body of `POST /password/reset/confirm/`.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(deny_unknown_fields)]
pub struct ConfirmPasswordReset {
    /// The `uid` of the link.
    pub uid: String,
    /// The `token` of the link.
    pub token: String,
    /// The new password.
    #[schema(value_type = String, format = "password", min_length = 8, max_length = 128)]
    pub password: Password,
}

/// Body of `POST /email/undo/`.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(deny_unknown_fields)]
pub struct UndoEmailChange {
    /// The `uid` of the link.
    pub uid: String,
    /// The `token` of the link.
    pub token: String,
}

/// Body of `POST /me/reauthenticate/`: one of the two.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(deny_unknown_fields)]
pub struct Reauthenticate {
    /// The present password.
    #[deserr(default)]
    #[schema(value_type = String, format = "password", required = false)]
    pub password: Given<String>,
    /// A code of the second factor, or a recovery code.
    #[deserr(default)]
    #[schema(value_type = String, required = false)]
    pub code: Given<String>,
}

/// Body of `POST /me/second-factor/confirm/`.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(deny_unknown_fields)]
pub struct ConfirmSecondFactor {
    /// The code that the authenticator shows: 6 digits.
    #[schema(example = "123456")]
    pub code: String,
}

/// Body of `POST /password/change/`.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(deny_unknown_fields)]
pub struct ChangePassword {
    /// The present password.
    #[schema(format = "password")]
    pub current_password: String,
    /// The new password.
    #[schema(value_type = String, format = "password", min_length = 8, max_length = 128)]
    pub new_password: Password,
}

/// Body of `PATCH /me/`.
#[derive(Clone, Debug, Default, Deserr, ToSchema)]
#[deserr(deny_unknown_fields)]
pub struct ChangeEmail {
    /// The new address; it counts once the link in the mail to it has been opened.
    #[deserr(default)]
    #[schema(value_type = String, format = "email", max_length = 254, required = false)]
    pub email: Given<NewEmailAddress>,
}

/// Body of `PATCH /users/{id}/`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserr, ToSchema)]
#[deserr(deny_unknown_fields)]
pub struct ManageUser {
    /// A new role.
    #[deserr(default)]
    #[schema(value_type = Role, required = false)]
    pub role: Given<Role>,
    /// Whether the person may sign in.
    #[deserr(default)]
    #[schema(value_type = bool, required = false)]
    pub is_active: Given<bool>,
}
