//! The rules of the marketplace: a decision names those that it stands on.

mod cited;
mod code;
mod command;
mod error;
mod event;
mod parent;
mod template;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use cited::{CitedPolicy, MAX_CITED, PolicyIds, wrong_policies};
pub use code::{CodeError, LanguageTag, LanguageTagError, PolicyCode};
pub use command::{
    CreatePolicy, DsaCategory, EditPolicy, PolicyCommand, PolicyText, PolicyTitle, ReplacePolicy,
    Severity,
};
pub use error::PolicyError;
pub use event::{PolicyChanges, PolicyDetails, PolicyEvent, PolicyEventType, PolicyWording};
pub use parent::{Ancestors, MAX_ANCESTORS};
pub use template::{
    Template, TemplateBody, TemplateInput, TemplateInputs, TemplateName, placeholder,
};

use crate::{Actor, Change, PolicyId, Role, TemplateId};

/// A policy as its events leave it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    version: i64,
    content: Option<Content>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Content {
    details: PolicyDetails,
    retired: bool,
}

crate::aggregate::aggregate!(Policy, 1, PolicyId, PolicyCommand, PolicyEvent, PolicyError);

impl crate::HoldsPersonal for Policy {
    /// None.
    fn personal(&mut self) -> Vec<(&'static str, &mut crate::Personal)> {
        vec![]
    }
}

impl Policy {
    /// Whether there is such a policy, retired or not.
    pub const fn exists(&self) -> bool {
        self.content.is_some()
    }

    /// Whether a decision can name it.
    pub fn can_be_cited(&self) -> bool {
        self.content.as_ref().is_some_and(|content| !content.retired)
    }

    /// What people name it by, while it exists.
    pub fn code(&self) -> Option<&PolicyCode> {
        self.content.as_ref().map(|content| &content.details.code)
    }

    /// The policy that it is a part of.
    pub fn parent(&self) -> Option<PolicyId> {
        self.content.as_ref()?.details.parent
    }

    /// Pure. An empty vec means "already so", which is success.
    pub fn decide(&self, command: PolicyCommand) -> Result<Vec<PolicyEvent>, PolicyError> {
        use {PolicyCommand as C, PolicyError as Error, PolicyEvent as E};
        if self.version == 0
            && let C::Create { by, create, ids } = command
        {
            may_write(by)?;
            return Ok(vec![E::PolicyCreated { details: create.details(&ids)? }]);
        }
        let current = self.content.as_ref().ok_or(Error::NotFound)?;
        Ok(match command {
            C::Create { .. } => vec![],
            C::Edit { by, edit, ids } => {
                may_write(by)?;
                current.edited(edit, &ids)?
            }
            C::Delete { by } => {
                may_write(by)?;
                vec![E::PolicyDeleted]
            }
        })
    }

    fn evolve(&mut self, event: PolicyEvent) {
        use PolicyEvent as E;
        if let E::PolicyCreated { details } = event {
            self.content = Some(Content { details, retired: false });
            return;
        }
        let Some(content) = &mut self.content else { return };
        match event {
            E::PolicyReworded { to, .. } => content.details.wording = to,
            E::PolicyEdited { changes } => content.details.change(changes),
            E::PolicyRetired => content.retired = true,
            E::PolicyReinstated => content.retired = false,
            E::PolicyDeleted => self.content = None,
            E::PolicyCreated { .. } => {}
        }
    }
}

impl CreatePolicy {
    fn details(self, ids: &[TemplateId]) -> Result<PolicyDetails, PolicyError> {
        let Self { code, title, text, severity, parent, dsa_category, templates } = self;
        let wording = PolicyWording { title, text };
        let templates = templates.identified(&[], ids)?;
        Ok(PolicyDetails { code, wording, severity, parent, dsa_category, templates })
    }
}

impl Content {
    fn edited(
        &self,
        edit: EditPolicy,
        ids: &[TemplateId],
    ) -> Result<Vec<PolicyEvent>, PolicyError> {
        let PolicyDetails { code, wording, severity, parent, dsa_category, templates } =
            &self.details;
        let to = PolicyWording {
            title: edit.title.0.unwrap_or_else(|| wording.title.clone()),
            text: edit.text.0.unwrap_or_else(|| wording.text.clone()),
        };
        let reworded = (to != *wording).then(|| PolicyEvent::PolicyReworded {
            code: code.clone(),
            from: wording.clone(),
            to,
        });
        let inputs =
            edit.templates.0.map(|inputs| inputs.identified(templates, ids)).transpose()?;
        let changes = PolicyChanges {
            severity: Change::between(severity, edit.severity.0),
            parent: Change::between(parent, Some(edit.parent.or(*parent))),
            dsa_category: Change::between(
                dsa_category,
                Some(edit.dsa_category.or(dsa_category.clone())),
            ),
            templates: Change::between(templates, inputs),
        };
        let edited =
            (changes != PolicyChanges::default()).then_some(PolicyEvent::PolicyEdited { changes });
        let retired = match (self.retired, edit.retired.0) {
            (false, Some(true)) => Some(PolicyEvent::PolicyRetired),
            (true, Some(false)) => Some(PolicyEvent::PolicyReinstated),
            (true, Some(true)) | (false, Some(false)) | (_, None) => None,
        };
        Ok(reworded.into_iter().chain(edited).chain(retired).collect())
    }
}

fn may_write(by: Actor) -> Result<(), PolicyError> {
    if by.has(Role::Admin) { Ok(()) } else { Err(PolicyError::Forbidden) }
}
