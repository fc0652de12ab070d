//! Links in answers that lead to files and live events without a header: signed in the caller's name.

use axum::extract::{FromRef, FromRequestParts};
use commands::Commands;
use domain::{ProductId, UploadId};
use http::StatusCode;
use http::header::AUTHORIZATION;
use http::request::Parts;
use identity::{MediaHolder, MediaKind, MediaLink};
use projections::{MediaLinks, PictureLinks, Product, ProductView};
use serde_json::Value;
use url::form_urlencoded;

use crate::App;
use crate::access::caller::Caller;
use crate::access::permission::{Allowed, ReadProducts};
use crate::http::edit::Edit;
use crate::http::problem::Problem;

/// The name of the query parameter that makes such a link.
pub(crate) const SIGNATURE: &str = "signature";

/// Makes links for one caller.
#[derive(Clone)]
pub(crate) struct Links {
    commands: Commands,
    holder: Option<MediaHolder>,
}

impl Links {
    /// Without a session, the addresses need a token.
    pub(crate) fn of(app: &App, caller: &Caller) -> Self {
        let holder = caller.session.map(|session| MediaHolder { user: caller.user, session });
        Self { commands: app.commands.clone(), holder }
    }

    /// A product as the caller gets it.
    pub(crate) fn show(&self, view: ProductView) -> Product {
        view.shown(self)
    }

    /// The link to the live events of all that concerns the caller.
    pub(crate) fn own_events(&self) -> String {
        self.to_events(OWN_EVENTS.to_owned(), None)
    }

    fn to_events(&self, path: String, product: Option<ProductId>) -> String {
        let Some(holder) = self.holder else { return path };
        let link = MediaLink::live(product, holder);
        with_signature(&path, &self.commands.sign_media_link(&link))
    }

    /// The path with a signature that opens it.
    pub(crate) fn signed(
        &self,
        path: String,
        kind: MediaKind,
        product: ProductId,
        upload: UploadId,
    ) -> String {
        let Some(holder) = self.holder else { return path };
        let link = MediaLink { kind, product, upload, holder };
        with_signature(&path, &self.commands.sign_media_link(&link))
    }
}

/// Where the live events of all that concerns the caller are.
const OWN_EVENTS: &str = "/live/";

/// Who asks for what a link may lead to.
pub(crate) enum AskedBy {
    /// The caller that the header `Authorization` speaks for.
    SignedIn(Caller),
    /// Somebody with a link, which speaks for its holder.
    Link(String, Caller),
}

impl<S> FromRequestParts<S> for AskedBy
where
    App: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let mut query = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
        // As everywhere, an empty parameter counts as not given.
        let signature = query.find(|(name, value)| name == SIGNATURE && !value.is_empty());
        let signature = signature.map(|(_, value)| value.into());
        Ok(match signature {
            Some(signature) if !parts.headers.contains_key(AUTHORIZATION) => {
                Self::Link(signature, Caller::anonymous(parts))
            }
            Some(_) | None => {
                let signed_in = Allowed::<ReadProducts>::from_request_parts(parts, state).await;
                Self::SignedIn(signed_in?.0)
            }
        })
    }
}

/// 403: a signature that was not given for this target, or is too old.
pub(crate) fn wrong_link() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "invalid_media_link",
        "The link is wrong or has expired: get its product (or /me/) again for a new one.",
    )
}

pub(crate) fn with_signature(path: &str, signature: &str) -> String {
    format!("{path}?{SIGNATURE}={signature}")
}

impl MediaLinks for Links {
    fn video(&self, product: ProductId, upload: UploadId) -> String {
        self.signed(().video(product, upload), MediaKind::Video, product, upload)
    }

    /// One signature opens them all.
    fn pictures(&self, product: ProductId, upload: UploadId) -> PictureLinks {
        let PictureLinks { poster, thumbnails } = ().pictures(product, upload);
        let Some(holder) = self.holder else { return PictureLinks { poster, thumbnails } };
        let link = MediaLink { kind: MediaKind::Poster, product, upload, holder };
        let signature = self.commands.sign_media_link(&link);
        let [poster, thumbnails] =
            [poster, thumbnails].map(|path| with_signature(&path, &signature));
        PictureLinks { poster, thumbnails }
    }

    fn live(&self, product: ProductId) -> String {
        self.to_events(().live(product), Some(product))
    }
}

/// GET gives another link every few minutes: an earlier one may be sent back by PUT and PATCH.
pub(crate) fn renew(edit: &mut Edit) {
    for name in ["video_url", "poster_url", "thumbnails_url", "live_url"] {
        let current = edit.current.get(name).cloned().unwrap_or_default();
        if let Some(sent) = edit.body.get_mut(name)
            && path(sent).is_some()
            && path(sent) == path(&current)
        {
            *sent = current;
        }
    }
}

fn path(link: &Value) -> Option<&str> {
    link.as_str()?.split('?').next()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::http::input::Object;

    fn renewed(sent: Value, current: Value) -> Value {
        let Value::Object(body) = json!({ "video_url": sent }) else { unreachable!() };
        let mut edit = Edit::new(Object(body), &json!({ "video_url": current }));
        renew(&mut edit);
        edit.body.remove("video_url").unwrap()
    }

    #[test]
    fn an_older_link_to_the_same_file_counts_as_the_one_of_now() {
        let current = json!("/products/7/video/?signature=new");
        assert_eq!(renewed(json!("/products/7/video/?signature=old"), current.clone()), current);
        assert_eq!(renewed(json!("/products/7/video/"), current.clone()), current);
        for other in [json!("/products/8/video/?signature=new"), json!(null), json!(7)] {
            assert_eq!(renewed(other.clone(), current.clone()), other);
            assert_eq!(renewed(other.clone(), json!(null)), other);
        }
    }
}
