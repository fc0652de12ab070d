//! What a client holds between the password and the code: bound to the account and to the access
//! generation that the password was right on, and signed. Nothing of it is stored.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use domain::UserId;
use secrecy::SecretString;
use subtle::ConstantTimeEq;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::clock;
use crate::identity::Identity;
use crate::keyed::keyed;

/// How long a code may take.
const LIFETIME: Duration = Duration::minutes(5);
/// The account, the access generation and the expiry.
const SAID: usize = 16 + 8 + 8;

/// Somebody who gave the right password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recognised {
    /// Whose it is.
    pub user: UserId,
    /// The access generation that the password was verified on: a change of it ends this.
    pub generation: i64,
}

impl Identity {
    /// A challenge for a code, good for 5 minutes.
    pub fn challenge(&self, of: Recognised) -> SecretString {
        self.challenge_until(of, clock::now() + LIFETIME)
    }

    fn challenge_until(&self, of: Recognised, expiry: OffsetDateTime) -> SecretString {
        let (generation, expiry) = (of.generation.to_be_bytes(), expiry.unix_timestamp());
        let said =
            [of.user.uuid().as_bytes().as_slice(), &generation, &expiry.to_be_bytes()].concat();
        let mac = keyed(&self.challenges, &[&said]);
        BASE64.encode([said.as_slice(), &mac].concat()).into()
    }

    /// Who gave the password; `None` where the challenge is not ours, or is over.
    pub fn challenged(&self, challenge: &str) -> Option<Recognised> {
        let bytes = BASE64.decode(challenge).ok()?;
        let (said, mac) = bytes.split_first_chunk::<SAID>()?;
        let is_ours: bool = keyed(&self.challenges, &[said]).as_slice().ct_eq(mac).into();
        let (user, rest) = said.split_first_chunk::<16>()?;
        let (generation, expiry) = rest.split_first_chunk::<8>()?;
        let expiry = i64::from_be_bytes(expiry.try_into().ok()?);
        let lives = expiry > clock::unix_now();
        let user = UserId::from_uuid(Uuid::from_bytes(*user));
        let generation = i64::from_be_bytes(*generation);
        (is_ours && lives).then_some(Recognised { user, generation })
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;
    use crate::secrets::Secrets;

    fn identity() -> Identity {
        let folder = tempfile::tempdir().unwrap();
        let secrets = Secrets::load_or_create(&folder.path().join("secrets.json")).unwrap();
        Identity::try_new(&secrets, &"http://vetted.example/".parse().unwrap()).unwrap()
    }

    #[test]
    fn a_challenge_says_who_gave_the_password_until_it_is_over() {
        let identity = identity();
        let of = Recognised { user: UserId::from_uuid(Uuid::now_v7()), generation: 7 };
        let good = identity.challenge(of);
        let over = identity.challenge_until(of, clock::now() - Duration::seconds(1));

        assert_eq!(identity.challenged(good.expose_secret()), Some(of));
        assert_eq!(identity.challenged(over.expose_secret()), None);
        let others = super::tests::identity();
        assert_eq!(others.challenged(good.expose_secret()), None);
    }

    #[test]
    fn a_changed_challenge_is_nobodys() {
        let identity = identity();
        let of = Recognised { user: UserId::from_uuid(Uuid::now_v7()), generation: 7 };
        let good = BASE64.decode(identity.challenge(of).expose_secret()).unwrap();
        for index in 0..good.len() {
            let mut changed = good.clone();
            changed[index] ^= 1;
            assert_eq!(identity.challenged(&BASE64.encode(changed)), None);
        }
    }

    #[test]
    fn mutated_challenges_never_panic() {
        let identity = identity();
        let of = Recognised { user: UserId::from_uuid(Uuid::now_v7()), generation: 7 };
        let good = [identity.challenge(of).expose_secret().as_bytes().to_vec()];
        crate::mutated::feed("challenge", &good, |input| {
            let taken = std::str::from_utf8(input).ok().and_then(|text| identity.challenged(text));
            assert_eq!(taken.is_some(), good.iter().any(|known| known == input), "{input:?}");
        });
    }
}
