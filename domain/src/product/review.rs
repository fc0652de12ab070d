//! The moderation state machine.

use super::{
    Listing, ProcessingStatus, Product, ProductError, ProductEvent, ProductStatus, Reason,
};
use crate::{Actor, Personal, UserId};

impl Product {
    pub(super) fn approve(
        &self,
        listing: &Listing,
        by: Actor,
        reason: Option<Reason>,
    ) -> Result<Vec<ProductEvent>, ProductError> {
        let by = listing.may_review(by)?;
        match (listing.status, &reason) {
            (ProductStatus::Approved, _) => return Err(ProductError::AlreadyDecided),
            (ProductStatus::Cancelled, _) => return Err(ProductError::NotReviewable),
            _ if listing.processing() != ProcessingStatus::Ready => {
                return Err(ProductError::VideoNotReady);
            }
            (ProductStatus::Rejected, None) => return Err(ProductError::ReasonRequired),
            (ProductStatus::Rejected, Some(_)) | (ProductStatus::Pending, _) => {}
        }
        Ok(vec![ProductEvent::ProductApproved {
            by,
            judged: self.version,
            was: listing.status,
            reason: reason.map(|reason| Personal::new(listing.owner, reason.as_str())),
        }])
    }

    pub(super) fn reject(
        &self,
        listing: &Listing,
        by: Actor,
        reason: Reason,
    ) -> Result<Vec<ProductEvent>, ProductError> {
        let by = listing.may_review(by)?;
        match listing.status {
            ProductStatus::Rejected => return Err(ProductError::AlreadyDecided),
            ProductStatus::Cancelled => return Err(ProductError::NotReviewable),
            ProductStatus::Pending | ProductStatus::Approved => {}
        }
        Ok(vec![ProductEvent::ProductRejected {
            by,
            judged: self.version,
            was: listing.status,
            reason: Personal::new(listing.owner, reason.as_str()),
        }])
    }
}

impl Listing {
    fn may_review(&self, by: Actor) -> Result<UserId, ProductError> {
        match by.user_id() {
            Some(moderator) if by.moderates() => {
                if moderator == self.owner {
                    Err(ProductError::OwnProduct)
                } else {
                    Ok(moderator)
                }
            }
            _ => Err(self.not_allowed(by)),
        }
    }
}
