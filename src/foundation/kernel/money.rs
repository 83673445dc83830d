//! Money is an integer of minor units with its currency; there is no floating point in it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A currency, by its code, and how many decimal digits its minor unit has.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency {
    code: [u8; 5],
    len: u8,
    exponent: u8,
}

/// ISO 4217 currencies whose minor unit is not a hundredth, and the crypto assets that the
/// platforms take. Everything else with three letters has two digits.
const EXPONENTS: &[(&str, u8)] = &[
    ("BIF", 0),
    ("CLP", 0),
    ("DJF", 0),
    ("GNF", 0),
    ("ISK", 0),
    ("JPY", 0),
    ("KMF", 0),
    ("KRW", 0),
    ("PYG", 0),
    ("RWF", 0),
    ("UGX", 0),
    ("UYI", 0),
    ("VND", 0),
    ("VUV", 0),
    ("XAF", 0),
    ("XOF", 0),
    ("XPF", 0),
    ("BHD", 3),
    ("IQD", 3),
    ("JOD", 3),
    ("KWD", 3),
    ("LYD", 3),
    ("OMR", 3),
    ("TND", 3),
    ("CLF", 4),
    ("UYW", 4),
    ("USDC", 6),
    ("USDT", 6),
    ("BTC", 8),
    ("ETH", 18),
];

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum MoneyError {
    #[error("\"{0}\" is not a currency code: use three capital letters, such as USD")]
    Currency(String),
    #[error("\"{0}\" is not an amount: use digits with at most one point, such as 1250.00")]
    Amount(String),
    #[error("{currency} has {exponent} decimal digits, \"{given}\" has more")]
    TooPrecise {
        currency: String,
        exponent: u8,
        given: String,
    },
    #[error("\"{0}\" is too large")]
    TooLarge(String),
    #[error("{0} and {1} cannot be added without an exchange rate")]
    Mixed(String, String),
}

impl Currency {
    #[must_use]
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.code[..usize::from(self.len)]).unwrap_or("")
    }

    /// How many decimal digits the minor unit stands below the major one.
    #[must_use]
    pub const fn exponent(&self) -> u8 {
        self.exponent
    }
}

impl FromStr for Currency {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = EXPONENTS.iter().find(|(code, _)| *code == text);
        let three_letters = text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase());
        if known.is_none() && !three_letters {
            return Err(MoneyError::Currency(text.chars().take(16).collect()));
        }
        let mut code = [0; 5];
        code[..text.len()].copy_from_slice(text.as_bytes());
        Ok(Self {
            code,
            len: u8::try_from(text.len()).unwrap_or(0),
            exponent: known.map_or(2, |(_, exponent)| *exponent),
        })
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// An amount in minor units (cents, kobo, wei) of one currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Money {
    pub minor: i128,
    pub currency: Currency,
}

impl Money {
    /// Reads a decimal amount ("1250", "1250.5") exactly.
    pub fn parse(amount: &str, currency: Currency) -> Result<Self, MoneyError> {
        let malformed = || MoneyError::Amount(amount.chars().take(40).collect());
        let (sign, digits) = match amount.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, amount),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        let bare_point = digits.contains('.') && fraction.is_empty();
        if whole.is_empty() || bare_point || !all_digits(whole) || !all_digits(fraction) {
            return Err(malformed());
        }
        let exponent = usize::from(currency.exponent());
        if fraction.len() > exponent {
            return Err(MoneyError::TooPrecise {
                currency: currency.to_string(),
                exponent: currency.exponent(),
                given: amount.chars().take(40).collect(),
            });
        }
        let minor: i128 = format!("{whole}{fraction:0<exponent$}")
            .parse()
            .map_err(|_| MoneyError::TooLarge(amount.chars().take(40).collect()))?;
        Ok(Self {
            minor: sign * minor,
            currency,
        })
    }

    /// Adds within one currency; a mixture needs a rate, which is somebody's decision.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::Mixed(
                self.currency.to_string(),
                other.currency.to_string(),
            ));
        }
        let minor = self
            .minor
            .checked_add(other.minor)
            .ok_or_else(|| MoneyError::TooLarge(self.to_string()))?;
        Ok(Self { minor, ..self })
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exponent = usize::from(self.currency.exponent());
        let sign = if self.minor < 0 { "-" } else { "" };
        let digits = format!(
            "{:0>width$}",
            self.minor.unsigned_abs(),
            width = exponent + 1
        );
        let (whole, fraction) = digits.split_at(digits.len() - exponent);
        let point = if exponent == 0 { "" } else { "." };
        write!(f, "{sign}{whole}{point}{fraction} {}", self.currency)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn usd() -> Currency {
        "USD".parse().unwrap()
    }

    #[test]
    fn amounts_are_exact() {
        let check = |text: &str, code: &str, minor: i128| {
            let money = Money::parse(text, code.parse().unwrap()).unwrap();
            assert_eq!(money.minor, minor, "{text} {code}");
        };
        check("10000", "USD", 1_000_000);
        check("0.5", "USD", 50);
        check("-3.07", "USD", -307);
        check("12", "JPY", 12);
        check("1.000000000000000001", "ETH", 1_000_000_000_000_000_001);
    }

    #[test]
    fn what_is_not_an_amount_is_refused() {
        for text in [
            "", ".", "1.", ".5", "1,000", "1e3", "--1", "+1", " 1", "٣", "0.001",
        ] {
            assert!(Money::parse(text, usd()).is_err(), "{text:?}");
        }
        assert!(matches!(
            Money::parse(&"9".repeat(60), usd()),
            Err(MoneyError::TooLarge(_))
        ));
    }

    #[test]
    fn currencies_do_not_mix() {
        let dollars = Money::parse("1", usd()).unwrap();
        let naira = Money::parse("1", "NGN".parse().unwrap()).unwrap();
        assert!(dollars.checked_add(naira).is_err());
        assert_eq!(dollars.checked_add(dollars).unwrap().minor, 200);
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(minor in -1_000_000_000_000_i128..1_000_000_000_000) {
            let money = Money { minor, currency: usd() };
            let shown = money.to_string();
            let amount = shown.strip_suffix(" USD").unwrap();
            prop_assert_eq!(Money::parse(amount, usd()).unwrap(), money);
        }
    }
}
