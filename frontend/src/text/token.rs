//! What are the words of the language? One table, from which logos derives the lexer.
//!
//! Hard words are reserved everywhere: they begin an item, or come between or after expressions. Soft words have a
//! meaning in one place and are names elsewhere. All other words (types, rounding modes, functions) are plain names to
//! the lexer.

use logos::Logos;

macro_rules! tokens {
    (
        hard { $($hard:ident $hard_text:tt)* }
        soft { $($soft:ident $soft_text:tt)* }
        signs { $($sign:ident $sign_text:tt)* }
    ) => {
        /// A word, number or sign of the source.
        #[derive(Logos, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[logos(skip r"[ \t\r\n]+")]
        pub enum Token {
            $(#[doc = concat!("`", $hard_text, "`")] #[token($hard_text)] $hard,)*
            $(#[doc = concat!("`", $soft_text, "`, a name elsewhere")] #[token($soft_text)] $soft,)*
            $(#[doc = concat!("`", $sign_text, "`")] #[token($sign_text)] $sign,)*

            /// A name.
            #[regex(r"[A-Za-z_][A-Za-z0-9_]*")]
            Word,
            /// A number; also everything that begins like one, which the lexer looks at more closely.
            #[regex(r"[0-9][0-9A-Za-z_]*(['’][0-9][0-9][0-9])*(\.[0-9][0-9A-Za-z_]*)?")]
            Number,
            /// A number and a percent sign.
            #[regex(r"[0-9][0-9A-Za-z_]*(['’][0-9][0-9][0-9])*(\.[0-9][0-9A-Za-z_]*)?%")]
            Percent,
            /// An amount: a symbol and a number. The lexer also joins a number and the code of a currency to one.
            #[regex(r"[$€£¥₡₦₩₪₫₭₱₲₴₸₹₺][0-9][0-9A-Za-z_]*(['’][0-9][0-9][0-9])*(\.[0-9][0-9A-Za-z_]*)?")]
            Money,
            /// A date, or what looks like one.
            #[regex(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}", priority = 40)]
            Date,
            /// A text in quotation marks.
            #[regex(r#""([^"\\\r\n]|\\[^\r\n])*""#, allow_greedy = true)]
            Text,
            /// A text that the line ends before its quotation mark.
            #[regex(r#""([^"\\\r\n]|\\[^\r\n])*\\?"#, allow_greedy = true)]
            OpenText,
            /// A text or word in the quotation marks of another language.
            #[regex(r"'[^'\r\n]*'")] #[regex(r"‘[^’\r\n]*’")] #[regex(r"[“”„][^“”\r\n]*[“”]")]
            #[regex(r"«[^»\r\n]*»")] #[regex(r"`[^`\r\n]*`")]
            ForeignText,
            /// A comment, to the end of its line.
            #[regex(r"--[^\n]*", allow_greedy = true)]
            Comment,
            /// A comment of another language.
            #[regex(r"(//|#)[^\n]*", allow_greedy = true)]
            #[token("/*", foreign_block)]
            ForeignComment,
            /// An operator of another language.
            #[token("&&")] #[token("&")] #[token("||")] #[token("!")] #[token("<>")] #[token("=<")]
            #[token("===")] #[token("!==")] #[token("≤")] #[token("≥")] #[token("≠")] #[token("×")]
            #[token("÷")] #[token("−")] #[token("–")] #[token(":=")] #[token("??")] #[token("⇒")]
            #[token("→")] #[token("…")] #[token("—")] #[token("‐")] #[token("‑")] #[token("·")] #[token("∧")]
            #[token("∨")] #[token("¬")] #[token("∈")] #[token("=!")]
            Foreign,

            /// `{` of a set, where [`Token::BlockOpen`] begins a block: see [`crate::text::braces`].
            SetOpen,
            /// `}` of a set.
            SetClose,
            /// `}` of the policy.
            PolicyClose,
            /// `list up to`, reserved for a later version of the language.
            ListUpTo,
            /// `key up to`, reserved for a later version of the language.
            KeyUpTo,
            /// `actionable up`
            ActionableUp,
            /// `actionable down`
            ActionableDown,
            /// Not a word of the language; the lexer has reported it.
            Error,
        }

        impl Token {
            /// The words that are reserved everywhere.
            pub const HARD: &[Token] = &[$(Token::$hard),*];
            /// The words that mean something at one place and are names elsewhere.
            pub const SOFT: &[Token] = &[$(Token::$soft),*];
            /// The signs.
            pub const SIGNS: &[Token] = &[$(Token::$sign),*];

            /// Its text, if that is always the same.
            pub const fn text(self) -> Option<&'static str> {
                match self {
                    $(Token::$hard => Some($hard_text),)*
                    $(Token::$soft => Some($soft_text),)*
                    $(Token::$sign => Some($sign_text),)*
                    Token::SetOpen => Some("{"),
                    Token::SetClose | Token::PolicyClose => Some("}"),
                    _ => None,
                }
            }
        }
    };
}

tokens! {
    hard {
        Policy "policy" Currency "currency" Effective "effective" Version "version" MonthEnd "month_end"
        Enum "enum" Input "input" Output "output" Param "param" Table "table" Grid "grid" Let "let"
        Require "require" Rules "rules" Rule "rule" Otherwise "otherwise" Case "case" Test "test"

        In "in" Is "is" Missing "missing" Present "present" OrElse "or_else" Rounded "rounded" To "to" Of "of"
        Div "div" Mod "mod" Not "not" And "and" Or "or" If "if" Then "then" Else "else" When "when"
        From "from" Until "until" Above "above" Default "default" Optional "optional" Actionable "actionable" Cite "cite"
        Days "days" Months "months" Years "years" True "true" False "false"
    }
    soft {
        First "first" Unique "unique" On "on" Clip "clip" Carry "carry"
        Given "given" With "with" Expect "expect" Refused "refused" Adverse "adverse"
        Snapshot "snapshot" Exception "exception" List "list" Scorecard "scorecard" Key "key" Def "def"
        Use "use" Property "property" Set "set"
    }
    signs {
        BlockOpen "{" BlockClose "}" Open "(" Close ")" Comma "," Semicolon ";" Colon ":" Bar "|"
        Backslash "\\" Dot "." Range ".." RangeBelow "..<" Becomes "=" Arrow "=>" Yields "->"
        Plus "+" Minus "-" Times "*" Slash "/" Equal "==" NotEqual "!=" Less "<" LessOrEqual "<="
        Greater ">" GreaterOrEqual ">="
    }
}

/// Reads on to the end of a comment that `/*` begins: to `*/`, or if there is none to the end of the line.
fn foreign_block(lexer: &mut logos::Lexer<Token>) {
    let rest = lexer.remainder();
    let line = || rest.find('\n').unwrap_or(rest.len());
    lexer.bump(rest.find("*/").map_or_else(line, |end| end + 2));
}

impl Token {
    /// Whether it can be the name of something.
    pub fn is_name(self) -> bool {
        self == Token::Word || Token::SOFT.contains(&self)
    }

    /// Whether it begins an item of a policy.
    pub const fn begins_item(self) -> bool {
        matches!(
            self,
            Token::Currency
                | Token::Effective
                | Token::Version
                | Token::MonthEnd
                | Token::Enum
                | Token::Input
                | Token::Output
                | Token::Param
                | Token::Table
                | Token::Grid
                | Token::Let
                | Token::Require
                | Token::Rules
                | Token::Case
                | Token::Test
        )
    }

    /// Whether it compares two values.
    pub const fn compares(self) -> bool {
        matches!(
            self,
            Token::Equal
                | Token::NotEqual
                | Token::Less
                | Token::LessOrEqual
                | Token::Greater
                | Token::GreaterOrEqual
        )
    }

    /// Whether a value may begin with it.
    pub fn begins_value(self) -> bool {
        let literal = matches!(
            self,
            Token::Number | Token::Percent | Token::Money | Token::Date | Token::True | Token::False
        );
        literal || self.is_name() || matches!(self, Token::Open | Token::Not | Token::If | Token::Minus)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fixed_text_is_read_as_its_token() {
        for &token in Token::HARD.iter().chain(Token::SOFT) {
            let text = token.text().unwrap();
            let read: Vec<_> = Token::lexer(text).collect();
            assert_eq!(read, [Ok(token)], "{text}");
            let longer = format!("{text}x");
            assert_eq!(Token::lexer(&longer).collect::<Vec<_>>(), [Ok(Token::Word)], "{longer}");
        }
    }

    /// The error about a reserved word refers to this page.
    #[test]
    fn the_page_on_reserved_words_lists_them_all() {
        let page = include_str!("../codes/E0104.md");
        let listed = page.split("```").nth(1).and_then(|block| block.strip_prefix("text\n")).unwrap();
        let reserved: Vec<&str> = Token::HARD.iter().filter_map(|token| token.text()).collect();
        assert_eq!(listed.split_whitespace().collect::<Vec<_>>(), reserved);
    }

    #[test]
    fn ranges_numbers_and_dates_are_told_apart() {
        use Token::*;
        let cases: [(&str, &[Token]); 9] = [
            ("300..739", &[Number, Range, Number]),
            ("0.5..<1.25", &[Number, RangeBelow, Number]),
            ("$1_000.50", &[Money]),
            ("43%", &[Percent]),
            ("2025-01-31", &[Date]),
            ("2025 - 1", &[Number, Minus, Number]),
            ("a.b", &[Word, Dot, Word]),
            ("\"a \\\" b\" \"c", &[Text, OpenText]),
            ("a-- b\n-c", &[Word, Comment, Minus, Word]),
        ];
        for (text, expected) in cases {
            let read: Result<Vec<_>, _> = Token::lexer(text).collect();
            assert_eq!(read.as_deref(), Ok(expected), "{text}");
        }
    }
}
