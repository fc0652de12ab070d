//! Signed links to files and live events, and what their holders may do now.

use domain::user::User;
use domain::{ProductId, Role};
use identity::{Authenticated, MediaHolder, MediaKind, MediaLink, Standing, sessions};

use crate::{CommandError, Commands};

impl Commands {
    /// The signature of a link: good for 10 to 15 minutes, and the same for 5.
    pub fn sign_media_link(&self, link: &MediaLink) -> String {
        self.parts.identity.media_links().sign(link)
    }

    /// What was signed for this file; `None` where that is not genuine, for another file, or over.
    pub fn read_media_link(
        &self,
        kind: MediaKind,
        product: ProductId,
        signature: &str,
    ) -> Option<MediaLink> {
        let read = self.parts.identity.media_links().read(kind, product, signature);
        read.map(|(link, _)| link)
    }

    /// Whom a link to live events speaks for, and when it expires; `None` where it is not genuine,
    /// for other events, or over.
    pub fn read_live_link(
        &self,
        product: Option<ProductId>,
        signature: &str,
    ) -> Option<(MediaHolder, i64)> {
        self.parts.identity.media_links().read_live(product, signature)
    }

    /// The role that a holder has now; `None` where the session has ended or the account is shut.
    pub async fn role_of_holder(&self, holder: MediaHolder) -> Result<Option<Role>, CommandError> {
        Ok(self.standing_of_holder(holder, 0).await?.map(|standing| standing.who.role))
    }

    /// What a holder may do now, up to that Unix second; `None` where the session has ended or the
    /// account is shut. Like a token's standing it ends with every later act that ends access.
    pub async fn standing_of_holder(
        &self,
        holder: MediaHolder,
        expires: i64,
    ) -> Result<Option<Standing>, CommandError> {
        if !sessions::is_open(&self.parts.pool, holder).await? {
            return Ok(None);
        }
        let user = self.recall::<User>(holder.user, 1).await?;
        let account = user.account().filter(|account| account.activated && !account.deactivated);
        Ok(account.map(|account| {
            let MediaHolder { user, session } = holder;
            let (role, limit) = (account.role, self.limit(account));
            let who = Authenticated { user, role, session, limit };
            Standing::new(who, account.access_generation, expires)
        }))
    }
}
