//! The moderation state machine.

use super::{
    Listing, ProcessingStatus, Product, ProductError, ProductEvent, ProductStatus, Reason,
};
use crate::policy::{CitedPolicy, placeholder};
use crate::{Actor, Personal, UserId};

impl Product {
    pub(super) fn approve(
        &self,
        listing: &Listing,
        by: Actor,
        reason: Option<Reason>,
        policies: Vec<CitedPolicy>,
    ) -> Result<Vec<ProductEvent>, ProductError> {
        let by = listing.may_review(by)?;
        reason.as_ref().map_or(Ok(()), is_filled_in)?;
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
            policies,
        }])
    }

    pub(super) fn reject(
        &self,
        listing: &Listing,
        by: Actor,
        reason: Reason,
        policies: Vec<CitedPolicy>,
    ) -> Result<Vec<ProductEvent>, ProductError> {
        let by = listing.may_review(by)?;
        is_filled_in(&reason)?;
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
            policies,
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

/// A reason that was written from a template says what the template leaves open.
fn is_filled_in(reason: &Reason) -> Result<(), ProductError> {
    placeholder(reason.as_str())
        .map_or(Ok(()), |left| Err(ProductError::UnfilledPlaceholder(left.to_owned())))
}
