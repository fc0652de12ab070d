//! Amounts of money: whole minor units of an ISO 4217 currency, so that sums are exact.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use deserr::{DeserializeError, Deserr, IntoValue, Value, ValuePointerRef};
use iso_currency::Currency as Iso;
use serde::{Deserialize, Serialize};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::input::{read_parsed, refuse};

/// Most minor units that one amount may have; far from where sums of an order overflow.
const MAX_MINOR: i64 = 1_000_000_000_000;

/// Why an amount is refused; the message is for the person who typed it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not an ISO 4217 code of a currency that is spent.
    #[error("Not a currency: an ISO 4217 code such as EUR is expected.")]
    Currency,
    /// Not a plain decimal number.
    #[error("Not an amount: a decimal number such as 12.50 is expected.")]
    Amount,
    /// More decimals than the currency has.
    #[error("At most {0} decimals are allowed in this currency.")]
    Decimals(usize),
    /// Too much.
    #[error("The amount is too large.")]
    TooLarge,
}

/// A currency by its ISO 4217 code.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency(Iso);

impl Currency {
    /// The three letters.
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// Decimals of an amount.
    pub fn decimals(self) -> usize {
        self.0.exponent().map_or(2, usize::from)
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for Currency {
    type Err = MoneyError;

    fn from_str(code: &str) -> Result<Self, Self::Err> {
        let iso = Iso::from_code(&code.trim().to_ascii_uppercase()).ok_or(MoneyError::Currency)?;
        if iso.exponent().is_none() {
            return Err(MoneyError::Currency);
        }
        Ok(Self(iso))
    }
}

/// An amount of money, written `{"amount": "12.50", "currency": "EUR"}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "Written", try_from = "Written")]
pub struct Money {
    minor: i64,
    currency: Currency,
}

/// An amount of money.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Money)]
struct Written {
    /// A decimal number, with as many decimals as the currency has.
    #[schema(example = "12.50", pattern = r"^\d{1,13}(\.\d{1,4})?$")]
    amount: String,
    /// The ISO 4217 code.
    #[schema(example = "EUR", min_length = 3, max_length = 3)]
    currency: String,
}

impl Money {
    /// From minor units, cents for EUR.
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// From the decimal form; never negative.
    pub fn try_new(amount: &str, currency: Currency) -> Result<Self, MoneyError> {
        let (whole, fraction) = parts(amount)?;
        let decimals = currency.decimals();
        if fraction.len() > decimals {
            return Err(MoneyError::Decimals(decimals));
        }
        let minor = format!("{whole}{fraction:0<decimals$}")
            .parse::<i64>()
            .map_err(|_| MoneyError::TooLarge)?;
        if minor > MAX_MINOR {
            return Err(MoneyError::TooLarge);
        }
        Ok(Self { minor, currency })
    }

    /// Minor units, cents for EUR.
    pub const fn minor(self) -> i64 {
        self.minor
    }

    /// The currency.
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// The decimal form.
    pub fn amount(self) -> String {
        let decimals = self.currency.decimals();
        if decimals == 0 {
            return self.minor.to_string();
        }
        let digits = format!("{:0>width$}", self.minor, width = decimals + 1);
        let (whole, fraction) = digits.split_at(digits.len() - decimals);
        format!("{whole}.{fraction}")
    }

    /// So many times the amount.
    #[must_use]
    pub const fn times(self, quantity: i64) -> Self {
        Self { minor: self.minor.saturating_mul(quantity), currency: self.currency }
    }

    /// The sum, if both are of one currency.
    #[must_use]
    pub fn plus(self, other: Self) -> Option<Self> {
        (self.currency == other.currency).then(|| Self {
            minor: self.minor.saturating_add(other.minor),
            currency: self.currency,
        })
    }
}

impl PartialSchema for Money {
    fn schema() -> RefOr<Schema> {
        Written::schema()
    }
}

impl ToSchema for Money {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Money")
    }
}

impl From<Money> for Written {
    fn from(money: Money) -> Self {
        Self { amount: money.amount(), currency: money.currency.code().to_owned() }
    }
}

impl TryFrom<Written> for Money {
    type Error = MoneyError;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        Self::try_new(&written.amount, written.currency.parse()?)
    }
}

impl<E: DeserializeError> Deserr<E> for Currency {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, E> {
        read_parsed(value, location)
    }
}

/// A decimal number, before and after its point; there are no others.
fn parts(amount: &str) -> Result<(&str, &str), MoneyError> {
    let (whole, fraction) = amount.split_once('.').unwrap_or((amount, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || amount.ends_with('.') || !digits(whole) || !digits(fraction) {
        return Err(MoneyError::Amount);
    }
    Ok((whole, fraction))
}

/// A decimal number, whatever it is of.
struct Amount(String);

impl FromStr for Amount {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        parts(text).map(|_| Self(text.to_owned()))
    }
}

impl<E: DeserializeError> Deserr<E> for Amount {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, E> {
        read_parsed(value, location)
    }
}

/// The members as a client sends them; how many decimals there may be depends on the currency.
#[derive(Deserr)]
#[deserr(deny_unknown_fields)]
struct Given {
    amount: Amount,
    currency: Currency,
}

impl<E: DeserializeError> Deserr<E> for Money {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, E> {
        let given = <Given as Deserr<E>>::deserialize_from_value(value, location)?;
        Self::try_new(&given.amount.0, given.currency)
            .map_err(|error| refuse(error.to_string(), location.push_key("amount")))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_amount_gets_as_many_decimals_as_its_currency_has() {
        for (amount, code, written) in [
            ("12.5", "EUR", "12.50"),
            ("7", "JPY", "7"),
            ("0.01", "usd", "0.01"),
            ("1", "KWD", "1.000"),
        ] {
            let money = Money::try_new(amount, code.parse().unwrap()).unwrap();
            assert_eq!(money.amount(), written, "{amount} {code}");
        }
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        let euro: Currency = "EUR".parse().unwrap();
        for amount in
            ["", ".", "-1", "1.", ".5", "1e3", "1,5", "NaN", "1.234", "99999999999999999999"]
        {
            assert!(Money::try_new(amount, euro).is_err(), "{amount}");
        }
        assert_eq!("ZZZ".parse::<Currency>(), Err(MoneyError::Currency));
    }

    proptest! {
        #[test]
        fn writing_and_reading_an_amount_gives_it_back(minor in 0..=MAX_MINOR, code in prop::sample::select(vec!["EUR", "JPY", "KWD"])) {
            let money = Money::new(minor, code.parse().unwrap());
            prop_assert_eq!(Money::try_new(&money.amount(), money.currency()), Ok(money));
        }
    }
}
