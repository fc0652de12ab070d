//! What a body refers to: judged even where something else in the body is wrong, so that all of it
//! is told at once. A body that is right is judged by its command, in the append's transaction.

use domain::category::Category;
use domain::order::{RequestedLine, wrong_lines};
use domain::{
    Aggregate, CategoryId, FieldErrors, PolicyId, ProductId, RefusalKind, Refuse as _, UploadId,
};

use crate::order::lines;
use crate::{CommandError, Commands, Context};

/// The references of a body that can be read.
#[derive(Clone, Debug, Default)]
pub struct References {
    /// `category_id`.
    pub category: Option<CategoryId>,
    /// `upload_id`.
    pub upload: Option<UploadId>,
    /// What is ordered.
    pub lines: Vec<RequestedLine>,
    /// What the order has already.
    pub had: Vec<ProductId>,
    /// The policies that a decision names.
    pub policies: Vec<PolicyId>,
    /// The policy that another one is to be a part of.
    pub parent: Option<PolicyId>,
}

impl Commands {
    /// The references to what does not exist, or that the caller can't use.
    pub async fn wrong_references(
        &self,
        context: &Context,
        references: References,
    ) -> Result<FieldErrors, CommandError> {
        let References { category, upload, lines: asked, had, policies, parent } = references;
        let mut errors = FieldErrors::default();
        if let Some(category) = category
            && !self.load::<Category>(category).await?.exists()
        {
            errors.merge(unknown_category());
        }
        if let Some(upload) = upload {
            errors.merge(self.wrong_upload(context, upload).await?);
        }
        errors.merge(self.wrong_policies(&policies).await?);
        if let Some(parent) = parent {
            errors.merge(self.wrong_parent(parent).await?);
        }
        let offers = self.offers(&asked, true).await?;
        errors.merge(wrong_lines(&lines(&asked, &offers), |product| had.contains(&product)));
        Ok(errors)
    }

    async fn wrong_upload(
        &self,
        context: &Context,
        upload: UploadId,
    ) -> Result<FieldErrors, CommandError> {
        let found = match context.actor().user_id() {
            Some(owner) => self.uploads().finished(owner, upload).await.map(drop),
            None => Err(crate::uploads::unknown()),
        };
        match found {
            Ok(()) => Ok(FieldErrors::default()),
            Err(CommandError::Refused(refusal)) => match refusal.kind {
                RefusalKind::Invalid(errors) => Ok(errors),
                RefusalKind::NotFound | RefusalKind::Forbidden | RefusalKind::Conflict => {
                    Err(CommandError::Refused(refusal))
                }
            },
            Err(error) => Err(error),
        }
    }
}

/// A product in a category that does not exist.
pub(crate) fn unknown_category() -> FieldErrors {
    FieldErrors::one("category_id", "There is no such category.")
}

/// Refuses a command whose references are wrong. Only those are told who may give it, together with what the
/// aggregate finds wrong with the rest.
pub(crate) fn refuse_wrong<A: Aggregate>(
    aggregate: &A,
    command: A::Command,
    wrong: &FieldErrors,
) -> Result<(), CommandError> {
    match aggregate.decide(command).map_err(|error| error.refusal()) {
        Ok(_) => Ok(wrong.clone().into_result()?),
        Err(mut refusal) => {
            if let RefusalKind::Invalid(errors) = &mut refusal.kind {
                errors.merge(wrong.clone());
            }
            Err(refusal.into())
        }
    }
}
