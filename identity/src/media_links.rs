//! Signed links to files and live events, for what cannot send a header, such as a `<video>`
//! element or an `EventSource`. A signature is an HMAC over target, holder and expiry: nothing is
//! stored, and whether the holder may still see the target is asked at every use.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use domain::{ProductId, SessionId, UploadId, UserId};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::clock;
use crate::keyed::keyed;

/// Seconds that a link works at least.
const SHORTEST: i64 = 600;
/// Links that are made within so many seconds of each other are the same, so that caches know them.
const STEP: i64 = 300;

/// What a link leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaKind {
    /// The video itself.
    Video,
    /// A picture of it.
    Poster,
    /// Live events.
    Live,
}

/// One target, in the name of somebody signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaLink {
    /// What it leads to.
    pub kind: MediaKind,
    /// The product that shows it; nil for the live events of all that concerns the holder.
    pub product: ProductId,
    /// The upload that the file was made of: a link to a video is none to the one that replaces
    /// it. Nil for live events.
    pub upload: UploadId,
    /// In whose name.
    pub holder: MediaHolder,
}

/// Somebody signed in, in one of their sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaHolder {
    /// The account.
    pub user: UserId,
    /// The session: the link ends with it.
    pub session: SessionId,
}

impl MediaLink {
    /// A link to the live events of one product, or of all that concerns the holder.
    pub fn live(product: Option<ProductId>, holder: MediaHolder) -> Self {
        let (product, upload) = (product.unwrap_or(NO_PRODUCT), UploadId::from_uuid(Uuid::nil()));
        Self { kind: MediaKind::Live, product, upload, holder }
    }
}

/// Stands for a product where there is none.
const NO_PRODUCT: ProductId = ProductId::from_uuid(Uuid::nil());

/// Signs links, and reads what was signed.
pub struct MediaLinks {
    key: [u8; 32],
}

impl MediaKind {
    const fn name(self) -> &'static [u8] {
        match self {
            Self::Video => b"video",
            Self::Poster => b"poster",
            Self::Live => b"live",
        }
    }
}

impl MediaLinks {
    pub(crate) const fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// The signature of a link: good for 10 to 15 minutes, and the same for 5.
    pub fn sign(&self, link: &MediaLink) -> String {
        self.sign_at(link, clock::unix_now())
    }

    /// What was signed for this target, and when it expires, in Unix seconds; `None` where that is not
    /// genuine, for another target, or over.
    pub fn read(
        &self,
        kind: MediaKind,
        product: ProductId,
        signature: &str,
    ) -> Option<(MediaLink, i64)> {
        self.read_at(kind, product, signature, clock::unix_now())
    }

    /// Whom a link to live events speaks for, and when it expires; `None` where it is not genuine,
    /// for other events, or over.
    pub fn read_live(
        &self,
        product: Option<ProductId>,
        signature: &str,
    ) -> Option<(MediaHolder, i64)> {
        let read = self.read(MediaKind::Live, product.unwrap_or(NO_PRODUCT), signature);
        read.map(|(link, expiry)| (link.holder, expiry))
    }

    fn sign_at(&self, link: &MediaLink, now: i64) -> String {
        let expiry = (now + SHORTEST + STEP - 1).div_euclid(STEP) * STEP;
        let said = said(link, expiry);
        BASE64.encode([said.as_slice(), &self.mac(link.kind, link.product, &said)].concat())
    }

    fn read_at(
        &self,
        kind: MediaKind,
        product: ProductId,
        text: &str,
        now: i64,
    ) -> Option<(MediaLink, i64)> {
        let bytes = BASE64.decode(text).ok()?;
        let (said, mac) = bytes.split_first_chunk::<SAID>()?;
        let genuine: bool = self.mac(kind, product, said).as_slice().ct_eq(mac).into();
        let (expiry, ids) = said.split_first_chunk::<8>()?;
        let expiry = i64::from_be_bytes(*expiry);
        if !genuine || expiry <= now {
            return None;
        }
        let mut ids = ids.chunks_exact(16).filter_map(|id| Uuid::from_slice(id).ok());
        let holder = MediaHolder {
            user: UserId::from_uuid(ids.next()?),
            session: SessionId::from_uuid(ids.next()?),
        };
        let upload = UploadId::from_uuid(ids.next()?);
        Some((MediaLink { kind, product, upload, holder }, expiry))
    }

    fn mac(&self, kind: MediaKind, product: ProductId, said: &[u8; SAID]) -> [u8; 32] {
        keyed(&self.key, &[kind.name(), product.uuid().as_bytes(), said])
    }
}

/// Bytes of what a signature says besides its path: expiry, user, session and upload.
const SAID: usize = 8 + 3 * 16;

fn said(link: &MediaLink, expiry: i64) -> [u8; SAID] {
    let MediaHolder { user, session } = link.holder;
    let mut said = [0; SAID];
    let (first, ids) = said.split_at_mut(8);
    first.copy_from_slice(&expiry.to_be_bytes());
    for (place, id) in
        ids.chunks_exact_mut(16).zip([user.uuid(), session.uuid(), link.upload.uuid()])
    {
        place.copy_from_slice(id.as_bytes());
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_123;

    fn link() -> MediaLink {
        let id = Uuid::from_u128;
        MediaLink {
            kind: MediaKind::Video,
            product: ProductId::from_uuid(id(1)),
            upload: UploadId::from_uuid(id(2)),
            holder: MediaHolder {
                user: UserId::from_uuid(id(3)),
                session: SessionId::from_uuid(id(4)),
            },
        }
    }

    #[test]
    fn a_link_is_good_for_its_file_and_for_ten_to_fifteen_minutes() {
        let (links, link) = (MediaLinks::new([7; 32]), link());
        let signature = links.sign_at(&link, NOW);
        let read = |kind, product, now| {
            links.read_at(kind, product, &signature, now).map(|(link, _)| link)
        };

        assert_eq!(read(link.kind, link.product, NOW), Some(link));
        assert_eq!(read(link.kind, link.product, NOW + 600), Some(link));
        assert_eq!(read(link.kind, link.product, NOW + 900), None);
        assert_eq!(read(MediaKind::Poster, link.product, NOW), None);
        assert_eq!(read(MediaKind::Live, link.product, NOW), None);
        assert_eq!(read(link.kind, ProductId::from_uuid(Uuid::from_u128(9)), NOW), None);
        assert_eq!(
            MediaLinks::new([8; 32]).read_at(link.kind, link.product, &signature, NOW),
            None
        );
    }

    #[test]
    fn a_link_stays_the_same_for_a_while() {
        let (links, link, start) = (MediaLinks::new([7; 32]), link(), NOW / STEP * STEP + 1);

        assert_eq!(links.sign_at(&link, start), links.sign_at(&link, start + STEP - 1));
        assert_ne!(links.sign_at(&link, start), links.sign_at(&link, start + STEP));
    }

    #[test]
    fn mutated_signatures_never_panic_and_are_never_taken() {
        let (links, link) = (MediaLinks::new([7; 32]), link());
        let good = [links.sign_at(&link, NOW).into_bytes()];

        crate::mutated::feed("media link", &good, |input| {
            let text = std::str::from_utf8(input).unwrap_or_default();
            let read = links.read_at(link.kind, link.product, text, NOW);
            assert_eq!(read.is_some(), good.iter().any(|good| good == input), "{input:?}");
        });
    }
}
