//! Commands on products: they belong to a category that exists when they are written.

use domain::category::Category;
use domain::product::{
    EditProduct, FinishedVideo, Product, ProductCommand, ProductDetails, UploadedVideo,
};
use domain::{CategoryId, FieldErrors, ProductId, StreamId, StreamType, UploadId};
use uuid::Uuid;

use crate::execute::Stream;
use crate::references::{refuse_wrong, unknown_category};
use crate::store::{Condition, Guard, Side};
use crate::uploads::take;
use crate::{CommandError, Commands, Context, Done, Made};

/// A video that comes with a command.
#[derive(Clone, Debug)]
pub enum NewVideo {
    /// It came in the same request.
    Received(UploadedVideo),
    /// It was uploaded before; used once.
    Upload(UploadId),
}

impl Commands {
    /// Hands a product in for review.
    pub async fn submit_product(
        &self,
        context: &Context,
        details: ProductDetails,
        video: Option<NewVideo>,
    ) -> Result<Made<ProductId>, CommandError> {
        let (id, by) = (ProductId::from_uuid(Uuid::now_v7()), context.actor());
        let (video, take) = self.found(context, id, video).await?;
        let category = details.category;
        let submit = (ProductCommand::Submit { by, details, video }, take);
        let done = self.in_category(context, (Stream::New, id), category, submit).await?;
        Ok(Made { id, done })
    }

    /// Changes a product, its video included.
    pub async fn edit_product(
        &self,
        context: &Context,
        id: ProductId,
        edit: EditProduct,
        video: Option<NewVideo>,
    ) -> Result<Done, CommandError> {
        let (category, by) = (edit.category_id.0, context.actor());
        let (video, take) = self.found(context, id, video).await?;
        let edit = ProductCommand::Edit { by, edit, video };
        if let Some(category) = category {
            return self.in_category(context, (Stream::Known, id), category, (edit, take)).await;
        }
        self.execute_with::<Product, _>(context, id, move |_| {
            let conditions = take.iter().cloned().collect();
            Ok((edit.clone(), Side { conditions, ..Side::default() }))
        })
        .await
    }

    /// The video, and what the command has to take for it to be one.
    async fn found(
        &self,
        context: &Context,
        product: ProductId,
        video: Option<NewVideo>,
    ) -> Result<(Option<UploadedVideo>, Option<Condition>), CommandError> {
        match video {
            None => Ok((None, None)),
            Some(NewVideo::Received(video)) => Ok((Some(video), None)),
            Some(NewVideo::Upload(upload)) => {
                let owner = context.actor().user_id().ok_or_else(crate::uploads::unknown)?;
                let video = self.uploads().finished(owner, upload).await?;
                Ok((Some(video), Some(take(owner, upload, product))))
            }
        }
    }

    /// Withdraws a product.
    pub async fn cancel_product(
        &self,
        context: &Context,
        id: ProductId,
    ) -> Result<Done, CommandError> {
        let cancel = ProductCommand::Cancel { by: context.actor() };
        self.execute::<Product>(context, id, cancel).await
    }

    /// Puts a rejected or withdrawn product back to review.
    pub async fn resubmit_product(
        &self,
        context: &Context,
        id: ProductId,
    ) -> Result<Done, CommandError> {
        let resubmit = ProductCommand::Resubmit { by: context.actor() };
        self.execute::<Product>(context, id, resubmit).await
    }

    /// Takes a product out of every list.
    pub async fn delete_product(
        &self,
        context: &Context,
        id: ProductId,
    ) -> Result<Done, CommandError> {
        let delete = ProductCommand::Delete { by: context.actor() };
        self.execute::<Product>(context, id, delete).await
    }

    /// The worker finished a product's video.
    pub async fn finish_video(
        &self,
        context: &Context,
        id: ProductId,
        video: FinishedVideo,
    ) -> Result<Done, CommandError> {
        self.execute::<Product>(context, id, ProductCommand::FinishVideo { video }).await
    }

    /// The worker can't finish a product's video.
    pub async fn fail_video(
        &self,
        context: &Context,
        id: ProductId,
        upload: UploadId,
        reason: String,
    ) -> Result<Done, CommandError> {
        self.execute::<Product>(context, id, ProductCommand::FailVideo { upload, reason }).await
    }

    /// A command that puts a product into a category: it counts only if the category still is as
    /// it was when it was looked up. Where it changed in between, it is looked up again.
    async fn in_category(
        &self,
        context: &Context,
        (stream, id): (Stream, ProductId),
        category: CategoryId,
        (command, take): (ProductCommand, Option<Condition>),
    ) -> Result<Done, CommandError> {
        let mut found = self.parts.store.load::<Category>(category).await?;
        loop {
            if !found.aggregate.exists() && found.cached {
                found = self.parts.store.load_afresh::<Category>(category).await?;
            }
            let (exists, version, fresh) = (found.aggregate.exists(), found.version, !found.cached);
            let wrong = if exists { FieldErrors::default() } else { unknown_category() };
            let place = StreamId { kind: StreamType::Category, id: category.uuid() };
            let (command, take) = (command.clone(), take.clone());
            let prepare = move |product: &Product| {
                refuse_wrong(product, command.clone(), &wrong)?;
                let guards = vec![Guard::StreamAt(place, version)];
                let conditions = take.iter().cloned().collect();
                Ok((command.clone(), Side { guards, conditions, ..Side::default() }))
            };
            match self.execute_on(stream, context, id, prepare).await {
                Err(CommandError::Conflict) if !fresh => {
                    found = self.parts.store.load_afresh::<Category>(category).await?;
                }
                done => return done,
            }
        }
    }
}
