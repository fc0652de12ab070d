//! The shelves of the catalogue.

mod command;
mod error;
mod event;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use command::{
    CategoryCommand, CategoryDescription, CategoryName, CreateCategory, EditCategory,
};
pub use error::CategoryError;
pub use event::{CategoryChanges, CategoryEvent, CategoryEventType};

use crate::{Actor, Change};

/// A category as its events leave it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Category {
    version: i64,
    shelf: Option<Shelf>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Shelf {
    name: CategoryName,
    description: CategoryDescription,
}

crate::aggregate::aggregate!(
    Category,
    1,
    CategoryId,
    CategoryCommand,
    CategoryEvent,
    CategoryError
);

impl crate::HoldsPersonal for Category {
    /// None: what its events say about people is no part of its state.
    fn personal(&mut self) -> Vec<(&'static str, &mut crate::Personal)> {
        vec![]
    }
}

impl Category {
    /// Whether products may be put into it.
    pub const fn exists(&self) -> bool {
        self.shelf.is_some()
    }

    /// Its name, while it exists.
    pub fn name(&self) -> Option<&CategoryName> {
        self.shelf.as_ref().map(|shelf| &shelf.name)
    }

    /// Its description, while it exists.
    pub fn description(&self) -> Option<&CategoryDescription> {
        self.shelf.as_ref().map(|shelf| &shelf.description)
    }

    /// Pure. An empty vec means "already so", which is success.
    pub fn decide(&self, command: CategoryCommand) -> Result<Vec<CategoryEvent>, CategoryError> {
        use {CategoryCommand as C, CategoryError as Error, CategoryEvent as E};
        if self.version == 0
            && let C::Create { by, create: CreateCategory { name, description } } = command
        {
            may_write(by)?;
            return Ok(vec![E::CategoryCreated { name, description }]);
        }
        let current = self.shelf.as_ref().ok_or(Error::NotFound)?;
        Ok(match command {
            C::Create { .. } => vec![],
            C::Edit { by, edit } => {
                may_write(by)?;
                current.edited(edit)
            }
            C::Delete { by } => {
                may_write(by)?;
                vec![E::CategoryDeleted]
            }
        })
    }

    fn evolve(&mut self, event: CategoryEvent) {
        match event {
            CategoryEvent::CategoryCreated { name, description } => {
                self.shelf = Some(Shelf { name, description });
            }
            CategoryEvent::CategoryEdited { changes } => {
                if let Some(shelf) = &mut self.shelf {
                    if let Some(name) = changes.name {
                        shelf.name = name.to;
                    }
                    if let Some(description) = changes.description {
                        shelf.description = description.to;
                    }
                }
            }
            CategoryEvent::CategoryDeleted => self.shelf = None,
        }
    }
}

impl Shelf {
    fn edited(&self, edit: EditCategory) -> Vec<CategoryEvent> {
        let changes = CategoryChanges {
            name: Change::between(&self.name, edit.name.0),
            description: Change::between(&self.description, edit.description.0),
        };
        if changes == CategoryChanges::default() {
            return vec![];
        }
        vec![CategoryEvent::CategoryEdited { changes }]
    }
}

fn may_write(by: Actor) -> Result<(), CategoryError> {
    if by.moderates() { Ok(()) } else { Err(CategoryError::Forbidden) }
}
