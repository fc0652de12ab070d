//! Texts that decisions are written from, and what of them still has to be filled in.

use deserr::{DeserializeError, Deserr, IntoValue, Value, ValuePointerRef};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{LanguageTag, PolicyError};
use crate::{TemplateId, Text};

/// What a template is called.
pub type TemplateName = Text<1, 100>;
/// A template's text; no longer than a reason, which it becomes.
pub type TemplateBody = Text<1, 2000>;

/// Templates of one policy.
const MAX_TEMPLATES: usize = 50;

/// A text that the reasons of decisions are written from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Template {
    /// Its id, which a new wording keeps.
    pub id: TemplateId,
    /// Its name.
    #[schema(value_type = String)]
    pub name: TemplateName,
    /// The language of its text, such as `en` or `pt-BR` (RFC 5646).
    #[schema(value_type = String)]
    pub language: LanguageTag,
    /// Its text; each `{word}` in it has to be filled in before it can be the reason of a decision.
    #[schema(value_type = String)]
    pub body: TemplateBody,
}

/// A template of a body.
#[derive(Clone, Debug, PartialEq, Eq, Deserr, ToSchema)]
#[deserr(deny_unknown_fields)]
pub struct TemplateInput {
    /// Its id; where it is left out, the template of the same name and language keeps its own, and another
    /// one gets a new one.
    #[deserr(default)]
    #[schema(required = false)]
    pub id: Option<TemplateId>,
    /// Its name; no other template of the same language has it.
    #[schema(value_type = String, min_length = 1, max_length = 100)]
    pub name: TemplateName,
    /// The language of its text, such as `en` or `pt-BR` (RFC 5646).
    #[schema(value_type = String, min_length = 2, max_length = 35)]
    pub language: LanguageTag,
    /// Its text; each `{word}` in it has to be filled in before it can be the reason of a decision.
    #[schema(value_type = String, min_length = 1, max_length = 2000)]
    pub body: TemplateBody,
}

/// The templates of a body: no more than 50, no two of the same id, or of the same name and language.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TemplateInputs(pub Vec<TemplateInput>);

/// Whether people would take two names in these languages for one; tags of languages have no case (RFC 5646, 2.1.1).
fn is_same(one: (&TemplateName, &LanguageTag), other: (&TemplateName, &LanguageTag)) -> bool {
    one.0.folded() == other.0.folded() && one.1.as_str().eq_ignore_ascii_case(other.1.as_str())
}

impl TemplateInput {
    fn is(&self, template: &Template) -> bool {
        is_same((&self.name, &self.language), (&template.name, &template.language))
    }

    fn collides(&self, other: &Self) -> bool {
        self.id.is_some() && self.id == other.id
            || is_same((&self.name, &self.language), (&other.name, &other.language))
    }
}

impl TemplateInputs {
    /// How many of them have no id.
    pub fn without_id(&self) -> usize {
        self.0.iter().filter(|template| template.id.is_none()).count()
    }

    /// The templates with their ids: those that were given, which the policy has to have, or kept from templates of
    /// the same name and language, or new.
    pub(super) fn identified(
        self,
        had: &[Template],
        new: &[TemplateId],
    ) -> Result<Vec<Template>, PolicyError> {
        let is_unknown = |id: TemplateId| had.iter().all(|template| template.id != id);
        let unknown = self.0.iter().position(|template| template.id.is_some_and(is_unknown));
        if let Some(index) = unknown {
            return Err(PolicyError::UnknownTemplate(index));
        }
        let given: Vec<_> = self.0.iter().filter_map(|template| template.id).collect();
        let mut new = new.iter().copied();
        let identified = |input: TemplateInput| {
            let known = had.iter().find(|template| input.is(template)).map(|template| template.id);
            let id = input.id.or(known.filter(|id| !given.contains(id))).or_else(|| new.next())?;
            let TemplateInput { name, language, body, .. } = input;
            Some(Template { id, name, language, body })
        };
        Ok(self.0.into_iter().filter_map(identified).collect())
    }
}

impl<E: DeserializeError> Deserr<E> for TemplateInputs {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, E> {
        let templates = Vec::<TemplateInput>::deserialize_from_value(value, location)?;
        if templates.len() > MAX_TEMPLATES {
            let message = format!("At most {MAX_TEMPLATES} templates are allowed.");
            return Err(crate::input::refuse(message, location));
        }
        let repeats = |(index, template): (usize, &TemplateInput)| {
            templates.iter().take(index).any(|earlier| earlier.collides(template))
        };
        if templates.iter().enumerate().any(repeats) {
            let message = "Two templates have the same id, or the same name and language.";
            return Err(crate::input::refuse(message.to_owned(), location));
        }
        Ok(Self(templates))
    }
}

/// The first placeholder of a text, with its braces: `{word}`, a letter or underscore and then up to 39 characters
/// but braces and line breaks.
pub fn placeholder(text: &str) -> Option<&str> {
    text.match_indices('{').find_map(|(start, _)| {
        let rest = text.get(start..)?;
        let end = rest.find('}')?;
        let word = rest.get(1..end)?;
        is_word(word).then(|| rest.get(..=end)).flatten()
    })
}

/// Characters of a placeholder's word.
const LONGEST_WORD: usize = 40;

fn is_word(word: &str) -> bool {
    let begins = word.chars().next().is_some_and(|first| first.is_alphabetic() || first == '_');
    let is_part = |character: char| !matches!(character, '{' | '}' | '\r' | '\n');
    begins && word.chars().all(is_part) && word.chars().count() <= LONGEST_WORD
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_in_braces_is_a_placeholder() {
        for (text, found) in [
            ("Sold by {seller}.", Some("{seller}")),
            ("{a}{b}", Some("{a}")),
            ("{{date_of_sale}}", Some("{date_of_sale}")),
            ("{ {x-1}", Some("{x-1}")),
            ("{größe}", Some("{größe}")),
            ("{gro\u{308}ße}", Some("{gro\u{308}ße}")),
            ("{नमस्ते}", Some("{नमस्ते}")),
            ("{date of sale}", Some("{date of sale}")),
            ("{} {1} { a } }a{ {a\nb} {a", None),
            ("nothing", None),
        ] {
            assert_eq!(placeholder(text), found, "{text}");
        }
        assert_eq!(placeholder(&format!("{{{}}}", "x".repeat(41))), None, "too long for a word");
    }
}
