//! Why can a row be refused at admission? One table: the code that files and programs see, and what it means.

macro_rules! faults {
    ($( $(#[doc = $doc:literal])+ $name:ident = $code:literal; )+) => {
        /// Why a value or a row is refused. The codes are stable: reject files hold them.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Fault { $( $(#[doc = $doc])+ $name ),+ }

        impl Fault {
            /// Every fault, in the order of the table.
            pub const ALL: &[Fault] = &[ $( Fault::$name ),+ ];

            /// The stable code.
            pub const fn code(self) -> &'static str {
                match self { $( Fault::$name => $code ),+ }
            }

            /// What it means.
            pub const fn doc(self) -> &'static str {
                match self { $( Fault::$name => concat!($($doc),+) ),+ }
            }
        }
    };
}

faults! {
    /// A field that is not optional has no value.
    Missing = "missing";
    /// The value is of another type than the field.
    WrongType = "wrong-type";
    /// The value is outside the field's range, or not one of the listed values.
    OutOfRange = "out-of-range";
    /// The text is not a value of the enum.
    UnknownValue = "unknown-value";
    /// The value has more decimal places than the field, and they are not zero.
    TooPrecise = "too-precise";
    /// The text is not a date such as 2025-01-31, or the timestamp is not at midnight.
    MalformedDate = "malformed-date";
    /// A condition between inputs does not hold.
    RequireFailed = "require-failed";
    /// The line or record cannot be read.
    MalformedRow = "malformed-row";
}

/// What a fault is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Place {
    /// The row as a whole.
    Row,
    /// The input field with this index.
    Field(u32),
    /// The require with this index in the program's table.
    Require(u32),
}
