//! Query strings: every wrong parameter is told at once, unknown ones too, since a misspelt
//! filter must not silently list everything.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt::Display;
use std::str::FromStr;

use axum::extract::FromRequestParts;
use domain::{FieldErrors, Moment, MomentError, UserId};
use http::request::Parts;
use projections::{Cursor, Page};
use url::form_urlencoded;
use utoipa::IntoParams;

/// What a route takes in its query string: the same structure documents it and is read.
pub(crate) trait Query: IntoParams {
    /// Takes the parameters that it has; what is wrong with them, `params` notes.
    fn take(params: &mut Params) -> Self;
}

/// Declares a [`Query`]. After each field stands the method of [`Params`] that reads it. Optional fields are
/// documented by the type inside, since a parameter is never `null`.
macro_rules! query {
    (
        $(#[$doc:meta])*
        $visible:vis struct $name:ident {
            $($(#[$about:meta])* $field:ident: $kind:ty = $read:ident,)+
        }
    ) => {
        $(#[$doc])*
        #[derive(utoipa::IntoParams)]
        #[into_params(parameter_in = Query)]
        $visible struct $name {
            $($(#[$about])* $field: $kind,)+
        }

        impl $crate::http::query::Query for $name {
            fn take(params: &mut $crate::http::query::Params) -> Self {
                Self { $($field: params.$read(stringify!($field)),)+ }
            }
        }
    };
}
pub(crate) use query;

query! {
    /// What every list takes.
    pub(crate) struct PageQuery {
        /// The number of results on a page.
        #[param(minimum = 1, maximum = 100, default = 20, required = false)]
        limit: i64 = limit,
        /// The cursor of another page, from `next` or `previous`.
        #[param(value_type = String, required = false)]
        cursor: Option<Cursor> = take,
    }
}

/// An account that a parameter names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Person {
    /// `me`: the caller's.
    Me,
    /// The one with that id.
    Id(UserId),
}

impl Person {
    /// The account, where the caller's own is that one.
    pub(crate) const fn of(self, own: UserId) -> UserId {
        match self {
            Self::Me => own,
            Self::Id(id) => id,
        }
    }
}

/// The parameters of a request, to be taken one by one.
pub(crate) struct Params {
    left: BTreeMap<String, Vec<String>>,
    errors: FieldErrors,
}

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default()))
    }
}

impl Params {
    fn parse(query: &str) -> Self {
        let mut left: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            left.entry(name.into_owned()).or_default().push(value.into_owned());
        }
        Self { left, errors: FieldErrors::default() }
    }

    /// A parameter as text; an empty one counts as not given.
    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        let mut values = self.left.remove(name)?;
        if values.len() > 1 {
            self.errors.add(name, "Give this parameter once.");
            return None;
        }
        let value = values.pop().filter(|value| !value.is_empty())?;
        if value.contains('\0') {
            self.errors.add(name, "Null characters are not allowed.");
            return None;
        }
        Some(value)
    }

    /// A parameter that has to be read.
    pub(crate) fn take<T: FromStr<Err: Display>>(&mut self, name: &str) -> Option<T> {
        self.read(name, |text| text.parse().map_err(|error: T::Err| error.to_string()))
    }

    /// An id.
    pub(crate) fn id<T: FromStr>(&mut self, name: &str) -> Option<T> {
        self.read(name, |text| {
            text.parse().map_err(|_| "Not a valid id: a UUID is expected.".to_owned())
        })
    }

    /// An account's id, or `me`.
    pub(crate) fn person(&mut self, name: &str) -> Option<Person> {
        self.read(name, |text| match text {
            "me" => Ok(Person::Me),
            id => match id.parse() {
                Ok(id) => Ok(Person::Id(id)),
                Err(_) => Err("Not a valid id: a UUID or me is expected.".to_owned()),
            },
        })
    }

    /// Yes or no.
    pub(crate) fn flag(&mut self, name: &str) -> Option<bool> {
        self.read(name, |text| text.parse().map_err(|_| "true or false is expected.".to_owned()))
    }

    /// A version of a resource.
    pub(crate) fn version(&mut self, name: &str) -> Option<i64> {
        self.read(name, |text| match text.parse() {
            Ok(version @ 1..) => Ok(version),
            _ => Err("A whole number from 1 is expected.".to_owned()),
        })
    }

    /// Refuses a parameter that another one leaves no room for.
    pub(crate) fn refuse(&mut self, name: &str, message: &str) {
        self.errors.add(name, message);
    }

    /// A moment (RFC 3339).
    pub(crate) fn time(&mut self, name: &str) -> Option<Moment> {
        self.read(name, |text| {
            // A plus sign that was not encoded came as a space.
            text.replace(' ', "+").parse().map_err(|error: MomentError| error.to_string())
        })
    }

    /// A parameter that `parse` reads.
    pub(crate) fn read<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self.text(name)?;
        parse(&text).map_err(|message| self.errors.add(name, message)).ok()
    }

    /// How many results a page has.
    pub(crate) fn limit(&mut self, name: &str) -> i64 {
        let limit = self.read(name, |text| match text.parse() {
            Ok(limit @ 1..=100) => Ok(limit),
            _ => Err("A whole number from 1 to 100 is expected.".to_owned()),
        });
        limit.unwrap_or(Page::default().limit)
    }

    /// All that a route takes.
    pub(crate) fn query<Q: Query>(&mut self) -> Q {
        Q::take(self)
    }

    /// Which page.
    pub(crate) fn page(&mut self) -> Page {
        let PageQuery { limit, cursor } = self.query();
        Page { limit, cursor }
    }

    /// Refuses what was wrong, and what nobody took.
    pub(crate) fn finish(mut self) -> Result<(), FieldErrors> {
        for name in self.left.into_keys() {
            self.errors.add(name, "Unknown parameter: leave it out.");
        }
        self.errors.into_result()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wrong_parameter_is_told_at_once() {
        let mut params = Params::parse("limit=0&cursor=%25&stauts=PENDING&q=a%00&id=1&id=2");
        params.page();
        params.text("q");
        params.id::<UserId>("id");

        let errors = params.finish().unwrap_err();

        let fields: Vec<_> = errors.fields().collect();
        assert_eq!(fields, ["cursor", "id", "limit", "q", "stauts"]);
    }

    #[test]
    fn an_empty_parameter_counts_as_not_given() {
        let mut params = Params::parse("limit=&cursor=");
        assert_eq!(params.page(), Page::default());
        assert!(params.finish().is_ok());
    }
}
