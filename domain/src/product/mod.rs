//! Listings: submitted with a video, reviewed, then ordered.

mod command;
mod error;
mod event;
mod review;
mod state;
#[cfg(test)]
mod tests;

pub use command::{
    ApproveProduct, EditProduct, ProductCommand, ProductDescription, ProductName, Reason,
    RejectProduct, SubmitProduct,
};
pub use error::ProductError;
pub use event::{
    FinishedVideo, ProductChanges, ProductDetails, ProductEvent, ProductEventType, UploadedVideo,
};
pub use state::{Listing, Offer, ProcessingStatus, Product, ProductStatus, Video};

use crate::{Actor, Change, Role};

crate::aggregate::aggregate!(Product, 1, ProductId, ProductCommand, ProductEvent, ProductError);

impl crate::HoldsPersonal for Product {
    /// None: what its events say about people is no part of its state.
    fn personal(&mut self) -> Vec<(&'static str, &mut crate::Personal)> {
        vec![]
    }
}

impl Product {
    /// Pure. An empty vec means "already so", which is success.
    pub fn decide(&self, command: ProductCommand) -> Result<Vec<ProductEvent>, ProductError> {
        use ProductCommand as C;
        if self.version == 0
            && let C::Submit { by, details, video } = command
        {
            return submit(by, details, video);
        }
        let listing = self.listing.as_ref().ok_or(ProductError::NotFound)?;
        match command {
            C::Submit { .. } => Ok(vec![]),
            C::Edit { by, edit, video } => listing.edit(by, edit, video),
            C::Approve { by, reason, policies } => self.approve(listing, by, reason, policies),
            C::Reject { by, reason, policies } => self.reject(listing, by, reason, policies),
            C::Cancel { by } => listing.cancel(by),
            C::Resubmit { by } => listing.resubmit(by),
            C::Delete { by } => listing.delete(by),
            C::FinishVideo { video } => Ok(listing.finish_video(video)),
            C::FailVideo { upload, reason } => Ok(listing.fail_video(upload, reason)),
        }
    }
}

fn submit(
    by: Actor,
    details: ProductDetails,
    video: Option<UploadedVideo>,
) -> Result<Vec<ProductEvent>, ProductError> {
    let Actor::User { id: owner, role: Role::EndUser | Role::Staff | Role::Admin } = by else {
        return Err(ProductError::Forbidden);
    };
    let submitted = ProductEvent::ProductSubmitted { owner, details };
    let uploaded = video.map(|video| ProductEvent::VideoUploaded { video });
    Ok(std::iter::once(submitted).chain(uploaded).collect())
}

impl Listing {
    fn edit(
        &self,
        by: Actor,
        edit: EditProduct,
        video: Option<UploadedVideo>,
    ) -> Result<Vec<ProductEvent>, ProductError> {
        self.may_edit(by)?;
        let changes = ProductChanges {
            name: Change::between(&self.details.name, edit.name.0),
            description: Change::between(&self.details.description, edit.description.0),
            category: Change::between(&self.details.category, edit.category_id.0),
            price: Change::between(&self.details.price, Some(edit.price.or(self.details.price))),
        };
        let edited = (changes != ProductChanges::default())
            .then_some(ProductEvent::ProductEdited { changes });
        let uploaded = video.map(|video| ProductEvent::VideoUploaded { video });
        let mut events: Vec<_> = edited.into_iter().chain(uploaded).collect();
        if !events.is_empty() && self.status.is_judged() {
            events.push(ProductEvent::ProductReturnedToReview { was: self.status });
        }
        Ok(events)
    }

    fn cancel(&self, by: Actor) -> Result<Vec<ProductEvent>, ProductError> {
        self.may_edit(by)?;
        Ok(match self.status {
            ProductStatus::Cancelled => vec![],
            ProductStatus::Pending | ProductStatus::Approved | ProductStatus::Rejected => {
                vec![ProductEvent::ProductCancelled { was: self.status }]
            }
        })
    }

    fn resubmit(&self, by: Actor) -> Result<Vec<ProductEvent>, ProductError> {
        self.may_edit(by)?;
        match self.status {
            ProductStatus::Pending => Ok(vec![]),
            ProductStatus::Approved => Err(ProductError::NotResubmittable),
            ProductStatus::Rejected | ProductStatus::Cancelled => {
                Ok(vec![ProductEvent::ProductResubmitted { was: self.status }])
            }
        }
    }

    fn delete(&self, by: Actor) -> Result<Vec<ProductEvent>, ProductError> {
        self.may_edit(by)?;
        Ok(vec![ProductEvent::ProductDeleted { category: self.details.category }])
    }

    /// A result for a video that has been replaced since is dropped.
    fn finish_video(&self, video: FinishedVideo) -> Vec<ProductEvent> {
        if self.awaits(video.upload) {
            vec![ProductEvent::VideoFinalized { video }]
        } else {
            vec![]
        }
    }

    fn fail_video(&self, upload: crate::UploadId, reason: String) -> Vec<ProductEvent> {
        if self.awaits(upload) {
            vec![ProductEvent::VideoFailed { upload, reason }]
        } else {
            vec![]
        }
    }

    fn may_edit(&self, by: Actor) -> Result<(), ProductError> {
        if by.is(self.owner) && by.role() != Some(Role::Auditor) || by.has(Role::Admin) {
            Ok(())
        } else {
            Err(self.not_allowed(by))
        }
    }

    /// What somebody is told who may not do a thing: that depends on whether they may know of it.
    fn not_allowed(&self, by: Actor) -> ProductError {
        if self.is_visible_to(by) { ProductError::Forbidden } else { ProductError::NotFound }
    }
}
