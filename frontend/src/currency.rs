//! Which currencies are there, and how is an amount of one written? ISO 4217, and the symbols that literals use.

/// A currency of ISO 4217.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Known {
    /// The code of three letters.
    pub code: &'static str,
    /// How many decimals its minor unit has.
    pub digits: u8,
}

/// The codes in circulation, by the decimals of their minor unit (ISO 4217, list one; without funds, metals
/// and test codes).
const BY_DIGITS: [(u8, &str); 3] = [
    (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"),
    (
        2,
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY \
         COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF \
         IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR \
         MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG \
         SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES \
         WST XCD XCG YER ZAR ZMW ZWG",
    ),
    (3, "BHD IQD JOD KWD LYD OMR TND"),
];

/// The symbols of amounts, and the currencies that may be meant by each.
const SYMBOLS: [(&str, &str); 16] = [
    (
        "$",
        "USD ARS AUD BBD BMD BND BSD BZD CAD CLP COP DOP FJD GYD HKD JMD KYD LRD MXN NAD NZD SBD SGD SRD \
         TTD TWD UYU XCD",
    ),
    ("€", "EUR"),
    ("£", "GBP EGP FKP GIP LBP SDG SHP SSP SYP"),
    ("¥", "JPY CNY"),
    ("₡", "CRC"),
    ("₦", "NGN"),
    ("₩", "KRW KPW"),
    ("₪", "ILS"),
    ("₫", "VND"),
    ("₭", "LAK"),
    ("₱", "PHP"),
    ("₲", "PYG"),
    ("₴", "UAH"),
    ("₸", "KZT"),
    ("₹", "INR"),
    ("₺", "TRY"),
];

/// The currency with this code.
///
/// ```
/// use opus_frontend::currency;
/// assert_eq!(currency::find("JPY").unwrap().digits, 0);
/// assert_eq!(currency::find("ABC"), None);
/// ```
pub fn find(code: &str) -> Option<Known> {
    all().find(|known| known.code == code)
}

/// The code of a currency that is written in small letters or by its name: `eur`, `euros`.
pub(crate) fn meant(word: &str) -> Option<&'static str> {
    let word = word.to_lowercase();
    let named = match word.as_str() {
        "euro" | "euros" => "EUR",
        "yen" => "JPY",
        _ => return find(&word.to_uppercase()).map(|known| known.code),
    };
    Some(named)
}

/// Every currency.
pub fn all() -> impl Iterator<Item = Known> {
    BY_DIGITS
        .iter()
        .flat_map(|&(digits, codes)| codes.split_whitespace().map(move |code| Known { code, digits }))
}

/// Whether a mark on a literal, a symbol or a code, may mean the currency with this code.
///
/// ```
/// use opus_frontend::currency;
/// assert!(currency::may_mean("$", "USD") && currency::may_mean("USD", "USD"));
/// assert!(!currency::may_mean("€", "USD"));
/// ```
pub fn may_mean(mark: &str, code: &str) -> bool {
    let of_symbol = SYMBOLS.iter().find(|(symbol, _)| *symbol == mark);
    mark == code || of_symbol.is_some_and(|(_, codes)| codes.split_whitespace().any(|known| known == code))
}

/// The symbol that amounts of a currency are written with, if there is one.
pub fn symbol(code: &str) -> Option<&'static str> {
    SYMBOLS.iter().map(|(symbol, _)| *symbol).find(|symbol| may_mean(symbol, code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_three_capitals_each_once() {
        let mut codes: Vec<&str> = all().map(|known| known.code).collect();
        let listed = codes.len();
        assert!(codes.iter().all(|code| code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase())));
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), listed);
    }

    #[test]
    fn symbols_mean_known_currencies() {
        for (symbol, codes) in SYMBOLS {
            assert!(codes.split_whitespace().all(|code| find(code).is_some()), "{symbol}");
        }
        assert_eq!(symbol("USD"), Some("$"));
        assert_eq!(symbol("CHF"), None);
    }
}
