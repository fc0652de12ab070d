//! Commands on categories: their names are unique without regard to case.

use domain::CategoryId;
use domain::category::{Category, CategoryCommand, CategoryName, CreateCategory, EditCategory};
use uuid::Uuid;

use crate::execute::Stream;
use crate::store::{Guard, NameClaim, Side};
use crate::{CommandError, Commands, Context, Done, Made, Reservation};

fn claim(name: &CategoryName) -> NameClaim {
    NameClaim { reservation: Reservation::CategoryName, name: name.folded() }
}

impl Commands {
    /// Makes a category.
    pub async fn create_category(
        &self,
        context: &Context,
        create: CreateCategory,
    ) -> Result<Made<CategoryId>, CommandError> {
        let (id, by) = (CategoryId::from_uuid(Uuid::now_v7()), context.actor());
        let made = self.execute_on::<Category, _>(Stream::New, context, id, move |_| {
            let side = Side { claim: Some(claim(&create.name)), ..Side::default() };
            Ok((CategoryCommand::Create { by, create: create.clone() }, side))
        });
        Ok(Made { id, done: made.await? })
    }

    /// Changes a category; a new name is claimed and the old one freed in one transaction.
    pub async fn edit_category(
        &self,
        context: &Context,
        id: CategoryId,
        edit: EditCategory,
    ) -> Result<Done, CommandError> {
        let by = context.actor();
        self.execute_with::<Category, _>(context, id, move |category| {
            let had = category.name().map(claim);
            let wanted = edit.name.0.as_ref().map(claim).filter(|_| had.is_some());
            let renamed = wanted != had && wanted.is_some();
            let side = Side {
                claim: wanted.filter(|_| renamed),
                release: had.filter(|_| renamed),
                ..Side::default()
            };
            Ok((CategoryCommand::Edit { by, edit: edit.clone() }, side))
        })
        .await
    }

    /// Takes an empty category away.
    pub async fn delete_category(
        &self,
        context: &Context,
        id: CategoryId,
    ) -> Result<Done, CommandError> {
        let by = context.actor();
        self.execute_with::<Category, _>(context, id, move |category| {
            let side = Side {
                guards: vec![Guard::CategoryEmpty(id)],
                release: category.name().map(claim),
                ..Side::default()
            };
            Ok((CategoryCommand::Delete { by }, side))
        })
        .await
    }
}
