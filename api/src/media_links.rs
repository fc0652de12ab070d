//! Links in answers that lead to files without a header: signed in the name of whoever gets them.

use commands::{Commands, MediaHolder, MediaKind, MediaLink};
use domain::{ProductId, UploadId};
use projections::{MediaLinks, Product, ProductView};
use serde_json::Value;

use crate::App;
use crate::caller::Caller;
use crate::edit::Edit;

/// The name of the query parameter that makes such a link.
pub(crate) const SIGNATURE: &str = "signature";

/// Makes links for one caller.
#[derive(Clone)]
pub(crate) struct Links {
    commands: Commands,
    holder: Option<MediaHolder>,
}

impl Links {
    /// Whoever has no session gets addresses that ask for one.
    pub(crate) fn of(app: &App, caller: &Caller) -> Self {
        let holder = caller.session.map(|session| MediaHolder { user: caller.user, session });
        Self { commands: app.commands.clone(), holder }
    }

    /// A product as the caller gets it.
    pub(crate) fn show(&self, view: ProductView) -> Product {
        view.shown(self)
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

pub(crate) fn with_signature(path: &str, signature: &str) -> String {
    format!("{path}?{SIGNATURE}={signature}")
}

impl MediaLinks for Links {
    fn video(&self, product: ProductId, upload: UploadId) -> String {
        self.signed(().video(product, upload), MediaKind::Video, product, upload)
    }

    fn poster(&self, product: ProductId, upload: UploadId) -> String {
        self.signed(().poster(product, upload), MediaKind::Poster, product, upload)
    }
}

/// GET gives another link every few minutes: one that it gave before may be sent back all the same.
pub(crate) fn renew(edit: &mut Edit) {
    for name in ["video_url", "poster_url"] {
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
    use crate::input::Object;

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
