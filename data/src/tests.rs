//! Do the same values mean the same in every format and physical type? And is what cannot be read said cleanly?

use std::path::Path;
use std::sync::Arc;

use arrow_array::types::{
    Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, Int8Type, Int32Type, UInt16Type, UInt64Type,
};
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BooleanArray, Date32Array, Date64Array, DictionaryArray,
    Float32Array, Float64Array, LargeStringArray, PrimitiveArray, RecordBatch, StringArray, StringViewArray,
    TimestampMicrosecondArray, TimestampMillisecondArray, TimestampNanosecondArray, TimestampSecondArray,
};
use arrow_buffer::i256;
use arrow_schema::{DataType, Field as ArrowField, Schema as ArrowSchema};
use opus_ir::memory::Columns;
use opus_ir::{Currency, Fault, Kind, Schema, date};
use opus_runtime::admission::Reason;

use super::columnar::fill;
use super::testing::*;
use super::write::{Data, Layout, Spec, Table, create};
use super::{CHUNK_ROWS, Intake, Mapping, output};

/// What became of each cell of a column: a value, nothing, or a fault.
type Cells = Vec<Result<Option<i128>, Fault>>;

fn admit(schema: &Schema, mapping: &str, array: &dyn Array) -> Cells {
    let intake = intake(schema, mapping, &[]);
    intake.check_type("x", 0, array.data_type()).expect("the type fits");
    let mut columns = Columns::new(&schema.input_columns(), array.len());
    columns.set_rows(array.len());
    let mut faults = Vec::new();
    fill(&intake, 0, array, &mut columns, 0, &mut faults);
    let mut cells: Cells = (0..array.len()).map(|row| Ok(columns.get(0, row))).collect();
    assert!(faults.windows(2).all(|pair| pair[0].0 < pair[1].0), "faults are in order");
    faults.into_iter().for_each(|(row, reason): (u32, Reason)| cells[row as usize] = Err(reason.fault));
    cells
}

fn one_field(kind: Kind, lo: i128, hi: i128, optional: bool) -> Schema {
    let enums = vec![names("Color", &["red", "green", "blue"])];
    Schema {
        currency: dollars(),
        enums,
        inputs: vec![field("x", kind, lo, hi, optional)],
        ..Schema::default()
    }
}

fn primitive<T: ArrowPrimitiveType>(
    values: &[Option<i128>],
    to: impl Fn(i128) -> Option<T::Native>,
) -> Option<PrimitiveArray<T>> {
    let converted: Option<Vec<Option<T::Native>>> =
        values.iter().map(|value| value.map(&to).map_or(Some(None), |x| x.map(Some))).collect();
    converted.map(|values| values.into_iter().collect())
}

/// Integers as every integer type that holds them, and as dictionaries of it.
fn integer_arrays(values: &[Option<i128>]) -> Vec<ArrayRef> {
    use arrow_array::types::*;
    let mut arrays: Vec<ArrayRef> = Vec::new();
    macro_rules! each {
        ($($ty:ty),+) => { $(
            if let Some(array) = primitive::<$ty>(values, |x| x.try_into().ok()) {
                arrays.push(Arc::new(array));
            }
        )+ };
    }
    each!(Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type);
    let plain = arrays.clone();
    arrays.extend(plain.into_iter().flat_map(coded));
    arrays
}

/// A column as dictionaries with several types of keys; every value twice, in reverse order, and one that is not used.
fn coded(array: ArrayRef) -> Vec<ArrayRef> {
    let rows = array.len();
    let order: Vec<u32> = (0..rows as u32).rev().chain(0..rows as u32).collect();
    let dictionary = arrow_select::take::take(&array, &arrow_array::UInt32Array::from(order), None).unwrap();
    let key = |row: usize| rows - 1 - row;
    let with = |keys: ArrayRef| keys;
    vec![
        with(Arc::new(DictionaryArray::new(
            PrimitiveArray::<Int32Type>::from_iter_values((0..rows).map(|row| key(row) as i32)),
            dictionary.clone(),
        ))),
        with(Arc::new(DictionaryArray::new(
            PrimitiveArray::<UInt16Type>::from_iter_values((0..rows).map(|row| key(row) as u16)),
            dictionary.clone(),
        ))),
        with(Arc::new(DictionaryArray::new(
            PrimitiveArray::<UInt64Type>::from_iter(
                (0..rows).map(|row| array.is_valid(row).then(|| key(row) as u64)),
            ),
            dictionary,
        ))),
    ]
}

/// Integers that count `10^-scale` as every type of decimals.
fn decimal_arrays(values: &[Option<i128>], scale: i8) -> Vec<ArrayRef> {
    let mut arrays: Vec<ArrayRef> = Vec::new();
    if let Some(array) =
        primitive::<Decimal32Type>(values, |x| i32::try_from(x).ok().filter(|x| x.abs() < 1_000_000_000))
    {
        arrays.push(Arc::new(array.with_precision_and_scale(9, scale).unwrap()));
    }
    if let Some(array) = primitive::<Decimal64Type>(values, |x| i64::try_from(x).ok()) {
        arrays.push(Arc::new(array.with_precision_and_scale(18, scale).unwrap()));
    }
    let wide =
        primitive::<Decimal128Type>(values, Some).unwrap().with_precision_and_scale(38, scale).unwrap();
    arrays.push(Arc::new(wide));
    let wider = primitive::<Decimal256Type>(values, |x| Some(i256::from_i128(x))).unwrap();
    arrays.push(Arc::new(wider.with_precision_and_scale(76, scale).unwrap()));
    arrays
}

/// Texts as every type of texts, and as dictionaries of it.
fn text_arrays(texts: &[Option<&str>]) -> Vec<ArrayRef> {
    let plain: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(texts.to_vec())),
        Arc::new(LargeStringArray::from(texts.to_vec())),
        Arc::new(StringViewArray::from(texts.to_vec())),
    ];
    let dictionaries = plain.clone().into_iter().flat_map(coded);
    let mut arrays: Vec<ArrayRef> = dictionaries.collect();
    let keys: DictionaryArray<Int8Type> = texts.iter().copied().collect();
    arrays.push(Arc::new(keys));
    arrays.extend(plain);
    arrays
}

fn all_are(schema: &Schema, mapping: &str, arrays: Vec<ArrayRef>, expected: &Cells) {
    assert!(!arrays.is_empty());
    for array in arrays {
        assert_eq!(&admit(schema, mapping, array.as_ref()), expected, "{}", array.data_type());
        // the same far behind the first block, and not at its beginning
        let before = array.slice(0, array.len());
        let many: Vec<&dyn Array> = vec![before.as_ref(); 40];
        let long = arrow_select::concat::concat(&many).unwrap();
        let length = array.len();
        let cut = long.slice(3, long.len() - 3);
        let found = admit(schema, mapping, cut.as_ref());
        let repeated: Cells = (3..long.len()).map(|row| expected[row % length]).collect();
        assert_eq!(found, repeated, "{} in a long column", array.data_type());
    }
}

const MISSING: Result<Option<i128>, Fault> = Err(Fault::Missing);
const OUTSIDE: Result<Option<i128>, Fault> = Err(Fault::OutOfRange);
const PRECISE: Result<Option<i128>, Fault> = Err(Fault::TooPrecise);
const TYPE: Result<Option<i128>, Fault> = Err(Fault::WrongType);

#[test]
fn integers_of_every_width_are_whole_numbers() {
    let schema = one_field(Kind::Int, 0, 100, false);
    let values = [Some(0), Some(100), Some(101), None, Some(7), Some(120)];
    all_are(
        &schema,
        "",
        integer_arrays(&values),
        &vec![Ok(Some(0)), Ok(Some(100)), OUTSIDE, MISSING, Ok(Some(7)), OUTSIDE],
    );
    let schema = one_field(Kind::Int, -100, 100, true);
    let values = [Some(-100), Some(-101), None, Some(100)];
    all_are(&schema, "", integer_arrays(&values), &vec![Ok(Some(-100)), OUTSIDE, Ok(None), Ok(Some(100))]);
    let schema = one_field(Kind::Int, 0, u64::MAX as i128, false);
    all_are(
        &schema,
        "",
        integer_arrays(&[Some(u64::MAX as i128), Some(0)]),
        &vec![Ok(Some(u64::MAX as i128)), Ok(Some(0))],
    );
}

#[test]
fn values_beyond_the_width_of_the_field_are_outside_its_range() {
    // a column of 8 bits must not see the low 8 bits of 256
    let schema = one_field(Kind::Int, 0, 100, false);
    let values = [Some(256), Some(1 << 32), Some(-(1 << 40)), Some(i64::MAX as i128), Some(5)];
    all_are(&schema, "", integer_arrays(&values), &vec![OUTSIDE, OUTSIDE, OUTSIDE, OUTSIDE, Ok(Some(5))]);
    all_are(&schema, "", decimal_arrays(&[Some(1 << 100), Some(1 << 64)], 0), &vec![OUTSIDE, OUTSIDE]);
    let schema = one_field(Kind::Int, 1 << 40, 1 << 41, false);
    all_are(&schema, "", integer_arrays(&[Some(5)]), &vec![OUTSIDE]);
}

#[test]
fn listed_values_are_the_only_ones() {
    for (set, stranger) in [(vec![12, 24, 36], 13), (vec![1, 1000, 1_000_000], 2), (vec![-7, 0, 7], 1)] {
        for optional in [false, true] {
            let schema = Schema { inputs: vec![listed("x", Kind::Int, &set, optional)], ..Schema::default() };
            let values = [Some(set[0]), Some(stranger), Some(set[2]), None, Some(set[1])];
            let none = if optional { Ok(None) } else { MISSING };
            let expected = vec![Ok(Some(set[0])), OUTSIDE, Ok(Some(set[2])), none, Ok(Some(set[1]))];
            all_are(&schema, "", integer_arrays(&values), &expected);
            let texts: Vec<Option<String>> =
                values.iter().map(|value| value.map(|x| x.to_string())).collect();
            let texts: Vec<Option<&str>> = texts.iter().map(Option::as_deref).collect();
            all_are(&schema, "", text_arrays(&texts), &expected);
        }
    }
}

#[test]
fn amounts_are_the_same_in_every_type() {
    let schema = one_field(Kind::Money, 0, 1_000_000, true);
    let expected = vec![Ok(Some(1234)), Ok(Some(500)), Ok(None), Ok(Some(1_000_000)), OUTSIDE, OUTSIDE];
    let cents = [Some(1234), Some(500), None, Some(1_000_000), Some(1_000_001), Some(-1)];
    all_are(&schema, "", decimal_arrays(&cents, 2), &expected);
    let milli: Vec<Option<i128>> = cents.iter().map(|x| x.map(|x| x * 100)).collect();
    all_are(&schema, "", decimal_arrays(&milli, 4), &expected);
    all_are(&schema, "[x]\nunit = \"minor units\"", integer_arrays(&cents), &expected);
    all_are(&schema, "[x]\nunit = \"minor units\"", decimal_arrays(&cents, 0), &expected);
    let doubles: Float64Array = cents.iter().map(|x| x.map(|x| x as f64 / 100.0)).collect();
    let singles: Float32Array = cents.iter().map(|x| x.map(|x| (x as f64 / 100.0) as f32)).collect();
    all_are(&schema, "", vec![Arc::new(doubles), Arc::new(singles)], &expected);
    let texts = ["12.34", "5", "", "10000.000", "10000.01", "-1e-2"]
        .map(|text| Some(text).filter(|text| !text.is_empty()));
    all_are(&schema, "", text_arrays(&texts), &expected);
    let whole = vec![Ok(Some(1200)), Ok(Some(500)), OUTSIDE];
    all_are(
        &schema,
        "[x]\nunit = \"whole units\"",
        integer_arrays(&[Some(12), Some(5), Some(10_001)]),
        &whole,
    );
    all_are(
        &schema,
        "[x]\nunit = \"whole units\"",
        decimal_arrays(&[Some(12), Some(5), Some(10_001)], 0),
        &whole,
    );
}

#[test]
fn a_fraction_of_a_cent_is_refused_and_zeros_are_none() {
    let schema = one_field(Kind::Money, -100_000, 100_000, false);
    let expected = vec![Ok(Some(1234)), PRECISE, Ok(Some(-500)), PRECISE];
    all_are(
        &schema,
        "",
        decimal_arrays(&[Some(123_400), Some(123_450), Some(-50_000), Some(-1)], 4),
        &expected,
    );
    let doubles: ArrayRef = Arc::new(Float64Array::from(vec![12.34, 12.345, -5.0, 0.1 + 0.2]));
    all_are(&schema, "", vec![doubles], &expected);
    all_are(
        &schema,
        "",
        text_arrays(&[Some("12.3400"), Some("12.345"), Some("-5."), Some("1e-9")]),
        &expected,
    );
}

#[test]
fn doubles_stand_for_exactly_one_value_or_none() {
    let schema = one_field(Kind::Int, -(1 << 60), 1 << 60, true);
    let doubles =
        vec![0.0, -0.0, 3.5, f64::NAN, 4_503_599_627_370_496.0, 9_007_199_254_740_992.0, f64::INFINITY];
    let expected = vec![Ok(Some(0)), Ok(Some(0)), PRECISE, Ok(None), Ok(Some(1 << 52)), TYPE, OUTSIDE];
    all_are(&schema, "", vec![Arc::new(Float64Array::from(doubles))], &expected);
    let singles = vec![0.5, 16_777_215.0, 16_777_216.0, f32::NAN, 0.1];
    let schema = one_field(Kind::Decimal(1), -(1 << 60), 1 << 60, true);
    let expected = vec![Ok(Some(5)), TYPE, TYPE, Ok(None), Ok(Some(1))];
    all_are(&schema, "", vec![Arc::new(Float32Array::from(singles))], &expected);
}

#[test]
fn percentages_are_counted_in_what_the_mapping_says() {
    let schema = one_field(Kind::Percent(2), 0, 10_000, false);
    let expected = vec![Ok(Some(4350)), OUTSIDE, Ok(Some(50))];
    let percent = "[x]\nunit = \"percent\"";
    all_are(&schema, percent, decimal_arrays(&[Some(4350), Some(10_001), Some(50)], 2), &expected);
    all_are(&schema, percent, vec![Arc::new(Float64Array::from(vec![43.5, 100.01, 0.5]))], &expected);
    let fraction = "[x]\nunit = \"fraction\"";
    all_are(&schema, fraction, decimal_arrays(&[Some(43_500), Some(100_010), Some(500)], 5), &expected);
    all_are(&schema, fraction, text_arrays(&[Some("0.435"), Some("1.0001"), Some("0.5%")]), &expected);
    all_are(&schema, "", text_arrays(&[Some("43.5%"), Some("100.01%"), Some("0.50%")]), &expected);
}

#[test]
fn dates_are_days_and_moments_at_midnight() {
    let schema = one_field(Kind::Date, day("2000-01-01"), day("2030-12-31"), true);
    let days = [Some(day("2024-02-29")), None, Some(day("1969-12-31")), Some(day("2030-12-31"))];
    let expected = vec![Ok(days[0]), Ok(None), OUTSIDE, Ok(days[3])];
    let ticks = |per_day: i64| -> Vec<Option<i64>> {
        days.iter().map(|day| day.map(|day| day as i64 * per_day)).collect()
    };
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(Date32Array::from(days.iter().map(|day| day.map(|day| day as i32)).collect::<Vec<_>>())),
        Arc::new(Date64Array::from(ticks(86_400_000))),
        Arc::new(TimestampSecondArray::from(ticks(86_400))),
        Arc::new(TimestampMillisecondArray::from(ticks(86_400_000))),
        Arc::new(TimestampMicrosecondArray::from(ticks(86_400_000_000))),
        Arc::new(TimestampNanosecondArray::from(ticks(86_400_000_000_000))),
    ];
    all_are(&schema, "", arrays.clone(), &expected);
    all_are(&schema, "", arrays.into_iter().flat_map(coded).collect(), &expected);
    all_are(
        &schema,
        "",
        text_arrays(&[Some("2024-02-29"), None, Some("1969-12-31"), Some("2030-12-31")]),
        &expected,
    );
    let noon: ArrayRef =
        Arc::new(TimestampMillisecondArray::from(vec![day("2024-01-01") as i64 * 86_400_000 + 43_200_000]));
    let malformed = vec![Err(Fault::MalformedDate)];
    all_are(&schema, "", vec![noon], &malformed);
    for text in ["2024-02-30", "2024-1-1", "01/02/2024", "2024-01-01T00:00:01", "today", " 2024-01-01"] {
        all_are(&schema, "", text_arrays(&[Some(text)]), &malformed);
    }
}

#[test]
fn truth_values_and_names_are_exact() {
    let schema = one_field(Kind::Bool, 0, 1, true);
    let expected = vec![Ok(Some(1)), Ok(None), Ok(Some(0))];
    all_are(&schema, "", vec![Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)]))], &expected);
    all_are(&schema, "", text_arrays(&[Some("true"), None, Some("false")]), &expected);
    all_are(&schema, "", text_arrays(&[Some("True"), Some("1")]), &vec![TYPE, TYPE]);
    let mapping = "[x]\nvalues = { Y = true, N = \"false\", 1 = true, 0 = false }";
    all_are(&schema, mapping, text_arrays(&[Some("Y"), None, Some("N")]), &expected);
    all_are(&schema, mapping, integer_arrays(&[Some(1), None, Some(0)]), &expected);

    let schema = one_field(Kind::Enum(0), 0, 2, true);
    let expected = vec![Ok(Some(2)), Ok(None), Ok(Some(0)), Err(Fault::UnknownValue)];
    all_are(&schema, "", text_arrays(&[Some("blue"), None, Some("red"), Some("Red")]), &expected);
    let mapping = "[x]\nvalues = { B = \"blue\", 7 = \"red\" }\nmissing = [\"-\", 0]";
    all_are(&schema, mapping, text_arrays(&[Some("B"), Some("-"), Some("red"), Some("b")]), &expected);
    let expected = vec![Ok(Some(0)), Ok(None), TYPE];
    all_are(&schema, mapping, integer_arrays(&[Some(7), Some(0), Some(8)]), &expected);
}

#[test]
fn values_that_stand_for_missing_ones() {
    let schema = one_field(Kind::Int, -1, 100, true);
    let mapping = "[x]\nmissing = [-1, \"n/a\"]";
    all_are(
        &schema,
        mapping,
        integer_arrays(&[Some(5), Some(-1), None]),
        &vec![Ok(Some(5)), Ok(None), Ok(None)],
    );
    let texts = [Some("5"), Some("-1.0"), Some("n/a"), Some("N/A")];
    all_are(&schema, mapping, text_arrays(&texts), &vec![Ok(Some(5)), Ok(None), Ok(None), TYPE]);
    let doubles: ArrayRef = Arc::new(Float64Array::from(vec![5.0, -1.0]));
    all_are(&schema, mapping, vec![doubles], &vec![Ok(Some(5)), Ok(None)]);
}

#[test]
fn empty_columns_hold_nothing() {
    let schema = one_field(Kind::Money, 0, 5, true);
    let null: ArrayRef = Arc::new(arrow_array::NullArray::new(3));
    all_are(&schema, "", vec![null.clone()], &vec![Ok(None); 3]);
    let schema = one_field(Kind::Money, 0, 5, false);
    all_are(&schema, "", vec![null], &vec![MISSING; 3]);
    assert_eq!(admit(&schema, "", &StringArray::new_null(0)), vec![]);
}

/// Numbers that look random, the same every time.
fn noise(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 11
}

#[test]
fn whole_columns_are_admitted_as_their_cells_are() {
    let mut state = 7;
    let ends =
        [0i128, 1, -1, 127, 128, 255, 256, 32_767, 65_536, 1 << 31, 1 << 40, 999_999_999, 10i128.pow(17)];
    let kinds = [Kind::Int, Kind::Decimal(3), Kind::Money, Kind::Percent(2), Kind::Days];
    for round in 0..150 {
        let mut end = || ends[noise(&mut state) as usize % ends.len()];
        let (a, b) = (end(), end());
        let kind = kinds[round % kinds.len()];
        let schema = one_field(kind, a.min(b), a.max(b), round % 2 == 0);
        let mapping = match kind {
            Kind::Money => ["[x]\nunit = \"minor units\"", "[x]\nunit = \"whole units\""][round % 2],
            Kind::Percent(_) => ["[x]\nunit = \"percent\"", "[x]\nunit = \"fraction\""][round % 2],
            _ => "",
        };
        let intake = intake(&schema, mapping, &[]);
        let mut value = || {
            let near = [a, b, a / 1000, b / 10, 0][noise(&mut state) as usize % 5]
                + noise(&mut state) as i128 % 5
                - 2;
            (!noise(&mut state).is_multiple_of(11)).then_some(near)
        };
        let values: Vec<Option<i128>> = (0..200).map(|_| value()).collect();
        let mut arrays = integer_arrays(&values);
        arrays.extend([0, 2, 5].into_iter().flat_map(|scale| decimal_arrays(&values, scale)));
        let eighths = values.iter().map(|value| value.map(|x| x as f64 / 8.0));
        arrays.push(Arc::new(eighths.collect::<Float64Array>()));
        let cents = values.iter().map(|value| value.map(|x| x as f64 / 100.0));
        arrays.push(Arc::new(cents.collect::<Float64Array>()));
        // decimals are no counts of the minor unit
        arrays.retain(|array| intake.check_type("x", 0, array.data_type()).is_ok());
        for array in arrays {
            let cells = super::cells::Cells::new(array.as_ref(), intake.decimals(0));
            let mut scratch = String::new();
            let plainly: Cells = (0..array.len())
                .map(|row| intake.admit(0, cells.reading(row, &mut scratch)).map_err(|reason| reason.fault))
                .collect();
            let name = format!("{kind:?} in {a}..{b} from {}", array.data_type());
            assert_eq!(admit(&schema, mapping, array.as_ref()), plainly, "{name}");
        }
    }
}

#[test]
fn types_that_cannot_be_are_said_before_a_row_is_read() {
    let cases = [
        (Kind::Int, DataType::Date32, "column `x` holds dates, and `x` is a whole number"),
        (Kind::Date, DataType::Int32, "column `x` holds integers, and `x` is a date"),
        (Kind::Enum(0), DataType::Float64, "column `x` holds doubles, and `x` is an enum"),
        (Kind::Bool, DataType::Int8, "column `x` holds integers, and `x` is a Boolean"),
        (Kind::Money, DataType::Binary, "column `x` holds bytes"),
        (Kind::Int, DataType::Float16, "column `x` holds floats of 16 bits"),
        (Kind::Int, DataType::Time32(arrow_schema::TimeUnit::Second), "column `x` holds times of day"),
        (
            Kind::Date,
            DataType::Timestamp(arrow_schema::TimeUnit::Second, Some("UTC".into())),
            "timestamps in the time zone UTC",
        ),
        (Kind::Money, DataType::Int64, "whole units or minor units"),
        (Kind::Money, DataType::Decimal128(10, 0), "whole units or minor units"),
        (Kind::Percent(2), DataType::Float64, "percentages or fractions"),
        (Kind::Percent(2), DataType::Decimal128(5, 2), "percentages or fractions"),
    ];
    for (kind, data_type, message) in cases {
        let schema = one_field(kind, 0, 1, false);
        let intake = intake(&schema, "", &[]);
        let failure = intake.check_type("in.parquet", 0, &data_type).unwrap_err();
        assert!(
            failure.message.starts_with("in.parquet: ") && failure.message.contains(message),
            "{failure}"
        );
        // there is always something to do about it
        assert!(failure.remedy.is_some(), "{failure}");
    }
    for (kind, data_type, advice) in [
        (
            Kind::Bool,
            DataType::Int8,
            "under [x] what they stand for, such as: values = { 0 = \"false\", 1 = \"true\" }",
        ),
        (Kind::Enum(0), DataType::Int32, "values = { 0 = \"red\", 1 = \"green\" }"),
        (Kind::Enum(0), DataType::Boolean, "values = { false = \"red\", true = \"green\" }"),
        (Kind::Date, DataType::Int32, "date = \"YYYYMMDD\""),
    ] {
        let schema = one_field(kind, 0, 1, false);
        let failure = intake(&schema, "", &[]).check_type("in.parquet", 0, &data_type).unwrap_err();
        assert!(failure.remedy.as_deref().is_some_and(|help| help.contains(advice)), "{failure}");
        if let Some((_, values)) = advice.split_once("values = ") {
            // what is advised is taken
            let mapped = format!("[x]\nvalues = {values}");
            assert_eq!(intake(&schema, &mapped, &[]).check_type("in.parquet", 0, &data_type), Ok(()));
        }
    }
    // what the mapping file says of all files need not be so of each
    let schema = one_field(Kind::Money, 0, 1, false);
    let minor = intake(&schema, "[x]\nunit = \"minor units\"", &[]);
    let failure = minor.check_type("in.parquet", 0, &DataType::Decimal128(10, 2)).unwrap_err();
    assert!(failure.message.contains("holds decimals with 2 decimal places"), "{failure}");
    assert!(failure.remedy.as_deref().is_some_and(|help| help.contains("\"whole units\"")), "{failure}");
    assert_eq!(minor.check_type("in.parquet", 0, &DataType::Decimal128(10, 0)), Ok(()));
}

/// Rows of every kind, some of them at the ends of their ranges.
fn some_rows(schema: &Schema, rows: usize) -> Columns {
    let mut columns = Columns::new(&schema.input_columns(), rows);
    columns.set_rows(rows);
    let sampler = crate::sample::Sampler::new(schema, 11);
    for row in 0..rows {
        sampler.draw(row as u64, 0, &mut columns, row);
        for (index, field) in schema.inputs.iter().enumerate().filter(|(index, _)| (row + index) % 17 == 0) {
            let range = field.domain.range;
            columns.set(index, row, Some(if row % 2 == 0 { range.lo } else { range.hi }));
        }
    }
    columns
}

/// Writes rows of fields, in several chunks.
fn write_rows(schema: &Schema, columns: &Columns, path: &Path) {
    let specs = schema.inputs.iter().map(|field| Spec::of_field(schema, field)).collect();
    let layout = Arc::new(Layout { columns: specs, metadata: vec![("made by".into(), "a test".into())] });
    let (encoder, mut writer) = create(&output(path, None).unwrap(), &layout).unwrap();
    for start in (0..columns.rows()).step_by(100) {
        let rows = start..(start + 100).min(columns.rows());
        let mut part = Columns::new(&schema.input_columns(), rows.len());
        part.set_rows(rows.len());
        for (to, from) in rows.clone().enumerate() {
            (0..columns.len()).for_each(|index| part.set(index, to, columns.get(index, from)));
        }
        let data = (0..part.len()).map(|index| Data::Column(&part, index)).collect();
        writer.append(encoder.encode(&Table { rows: rows.len(), columns: data }).unwrap()).unwrap();
    }
    writer.finish().unwrap().name().unwrap();
}

const FORMATS: [&str; 4] = ["parquet", "csv", "jsonl", "arrow"];

#[test]
fn what_is_written_is_read_again_in_every_format() {
    let schema = every_kind();
    let columns = some_rows(&schema, 450);
    let expected: Vec<_> = (0..450).map(|row| values(&columns, row)).collect();
    let scratch = Scratch::create();
    for format in FORMATS {
        let path = scratch.path(&format!("rows.{format}"));
        write_rows(&schema, &columns, &path);
        let rows = read(&path, &intake(&schema, "", &[])).unwrap();
        assert_eq!(rows.faults, [], "{format}");
        assert_eq!(rows.values, expected, "{format}");
    }
    assert_eq!(scratch.names().len(), FORMATS.len(), "nothing is left beside the files");
}

#[test]
fn every_kind_is_read_back_without_a_mapping() {
    let huge = 10i128.pow(30);
    let kinds = [
        (Kind::Bool, 0, 1),
        (Kind::Int, -5, 1000),
        (Kind::Int, i64::MIN as i128, i64::MAX as i128),
        (Kind::Int, -huge, huge),
        (Kind::Decimal(0), -1000, 1000),
        (Kind::Decimal(1), 0, 9),
        (Kind::Decimal(3), -10_000, 10_000),
        (Kind::Decimal(18), 0, 10i128.pow(18)),
        (Kind::Decimal(30), -huge, huge),
        (Kind::Money, 0, 100_000_000),
        (Kind::Money, -huge, huge),
        (Kind::Percent(0), -100, 100),
        (Kind::Percent(1), 0, 1000),
        (Kind::Percent(2), -50, 200_000),
        (Kind::Percent(6), 0, 10i128.pow(12)),
        (Kind::Percent(20), 0, huge),
        (Kind::Days, 0, 365),
        (Kind::Days, -huge, huge),
        (Kind::Date, date::DAY_MIN, date::DAY_MAX),
        (Kind::Enum(0), 0, 2),
    ];
    let scratch = Scratch::create();
    for digits in [0, 2, 3] {
        let fields = kinds.iter().enumerate().flat_map(|(index, (kind, lo, hi))| {
            [false, true].map(|optional| field(&format!("f{index}_{optional}"), *kind, *lo, *hi, optional))
        });
        let schema = Schema {
            currency: Some(Currency { code: "XXX".into(), digits }),
            enums: vec![names("Word", &["a", "true", "12"])],
            inputs: fields.collect(),
            ..Schema::default()
        };
        let columns = some_rows(&schema, 250);
        let expected: Vec<_> = (0..250).map(|row| values(&columns, row)).collect();
        for format in FORMATS {
            let path = scratch.path(&format!("{digits}.{format}"));
            write_rows(&schema, &columns, &path);
            let rows = read(&path, &intake(&schema, "", &[])).unwrap();
            assert_eq!(rows.faults, [], "{format} with {digits} digits");
            assert_eq!(rows.values, expected, "{format} with {digits} digits");
        }
    }
}

#[test]
fn codes_of_many_names_and_columns_of_one_value_survive_parquet() {
    let values: Vec<String> = (0..300).map(|index| format!("value {index}")).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    for count in [1, 2, 3, 255, 256, 257, 300] {
        let inputs = vec![
            field("x", Kind::Enum(0), 0, count as i128 - 1, false),
            field("y", Kind::Enum(0), 0, count as i128 - 1, true),
        ];
        let schema = Schema { enums: vec![names("E", &values[..count])], inputs, ..Schema::default() };
        let mut columns = Columns::new(&schema.input_columns(), 333);
        columns.set_rows(333);
        for row in 0..333 {
            columns.set(0, row, Some((row * 7 % count) as i128));
            columns.set(
                1,
                row,
                (row % 5 > 0).then_some(if count == 2 { 1 } else { (row * 11 % count) as i128 }),
            );
        }
        let scratch = Scratch::create();
        for format in FORMATS {
            let path = scratch.path(&format!("rows.{format}"));
            write_rows(&schema, &columns, &path);
            let rows = read(&path, &intake(&schema, "", &[])).unwrap();
            let expected: Vec<_> = (0..333).map(|row| super::testing::values(&columns, row)).collect();
            assert_eq!(rows, Rows { values: expected, faults: vec![] }, "{count} in {format}");
        }
    }
}

#[test]
fn the_same_dirty_rows_have_the_same_faults_in_every_format() {
    let schema = Schema {
        currency: dollars(),
        enums: vec![names("Color", &["red", "green"])],
        inputs: vec![
            field("age", Kind::Int, 16, 120, false),
            field("amount", Kind::Money, 0, 100_000, false),
            field("day", Kind::Date, day("2020-01-01"), day("2030-12-31"), false),
            field("color", Kind::Enum(0), 0, 1, true),
        ],
        ..Schema::default()
    };
    let rows: [[&str; 4]; 8] = [
        ["40", "12.34", "2024-01-01", "red"],
        ["", "12.34", "2024-01-01", ""],
        ["200", "12.345", "2024-02-30", "blue"],
        ["4x", "-1.00", "2024-01-01", "green"],
        ["40", "12.3400", "1999-12-31", "red"],
        ["40.5", "1e3", "2024-01-01", "red"],
        ["120", "1000.01", "2024-01-01", ""],
        ["16", "0", "2020-01-01", "green"],
    ];
    let fault =
        |row: u64, field: &str, fault: Fault, value: &str| (row, field.to_string(), fault, value.to_string());
    let expected = [
        fault(2, "age", Fault::Missing, ""),
        fault(3, "age", Fault::OutOfRange, "200"),
        fault(3, "amount", Fault::TooPrecise, "12.345"),
        fault(3, "day", Fault::MalformedDate, "2024-02-30"),
        fault(3, "color", Fault::UnknownValue, "blue"),
        fault(4, "age", Fault::WrongType, "4x"),
        fault(4, "amount", Fault::OutOfRange, "-1.00"),
        fault(5, "day", Fault::OutOfRange, "1999-12-31"),
        fault(6, "age", Fault::TooPrecise, "40.5"),
        fault(7, "amount", Fault::OutOfRange, "1000.01"),
    ];
    let header = ["age", "amount", "day", "color"];
    let scratch = Scratch::create();
    let quoted = |text: &str| format!("\"{text}\"");
    let csv: Vec<String> = std::iter::once(header).chain(rows).map(|row| row.join(",")).collect();
    let csv_quoted: Vec<String> =
        std::iter::once(header).chain(rows).map(|row| row.map(quoted).join(",")).collect();
    let member = |(name, value): (&str, &str)| match value {
        "" => format!("\"{name}\": null"),
        value => format!("\"{name}\": \"{value}\""),
    };
    let json: Vec<String> = rows
        .iter()
        .map(|row| {
            format!("{{{}}}", header.iter().copied().zip(*row).map(member).collect::<Vec<_>>().join(", "))
        })
        .collect();
    let column = |index: usize| -> ArrayRef {
        Arc::new(StringArray::from_iter(
            rows.iter().map(|row| Some(row[index]).filter(|text| !text.is_empty())),
        ))
    };
    let fields: Vec<ArrowField> =
        header.iter().map(|name| ArrowField::new(*name, DataType::Utf8, true)).collect();
    let batch =
        RecordBatch::try_new(Arc::new(ArrowSchema::new(fields)), (0..4).map(column).collect()).unwrap();
    let paths = [
        scratch.file("a.csv", csv.join("\n")),
        scratch.file("b.csv", format!("\u{FEFF}{}\r\n", csv_quoted.join("\r\n"))),
        scratch.file("c.jsonl", json.join("\n")),
        scratch.file("d.arrow", ipc_file(&batch)),
        scratch.file("e.arrow", ipc_stream(&batch)),
        scratch.file("f.parquet", parquet_file(&batch)),
    ];
    let intake = intake(&schema, "", &[]);
    let first = read(&paths[0], &intake).unwrap();
    assert_eq!(first.faults, expected);
    assert_eq!(
        first.values,
        [
            vec![Some(40), Some(1234), Some(day("2024-01-01")), Some(0)],
            vec![Some(16), Some(0), Some(day("2020-01-01")), Some(1)],
        ]
    );
    for path in &paths[1..] {
        assert_eq!(read(path, &intake).unwrap(), first, "{}", path.display());
    }
}

fn ipc_file(batch: &RecordBatch) -> Vec<u8> {
    let mut writer = arrow_ipc::writer::FileWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

fn ipc_stream(batch: &RecordBatch) -> Vec<u8> {
    let mut writer = arrow_ipc::writer::StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

/// A stream that ends between two batches could be a shorter one, but for its end.
#[test]
fn streams_that_were_cut_off_or_joined_are_no_inputs() {
    let column: ArrayRef = Arc::new(arrow_array::Int64Array::from(vec![5, 6]));
    let field = ArrowField::new("x", DataType::Int64, true);
    let batch = RecordBatch::try_new(Arc::new(ArrowSchema::new(vec![field])), vec![column]).unwrap();
    let whole = ipc_stream(&batch);
    let (scratch, schema) = (Scratch::create(), one_field(Kind::Int, 0, 9, false));
    let intake = intake(&schema, "", &[]);
    let found = |bytes: &[u8]| read(&scratch.file("x.arrow", bytes), &intake);
    assert_eq!(found(&whole).unwrap().values.len(), 2);
    for (bytes, message) in [
        (whole[..whole.len() - 8].to_vec(), "x.arrow: the stream has no end: it was cut off"),
        ([&whole[..], &whole].concat(), "x.arrow: there are bytes after the end of the stream"),
    ] {
        let failure = found(&bytes).unwrap_err();
        assert!(failure.message.ends_with(message), "{failure}");
    }
}

fn parquet_file(batch: &RecordBatch) -> Vec<u8> {
    let mut writer = ::parquet::arrow::ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

#[test]
fn json_numbers_are_read_from_their_digits() {
    let schema = one_field(Kind::Money, 0, 10i128.pow(20), false);
    let intake = intake(&schema, "", &[]);
    let scratch = Scratch::create();
    let lines = [
        r#"{"x": 123456789012345678.91}"#,
        r#"{"x": 1e2, "other": {"x": [1, "}"]}}"#,
        r#"{"x": 1.50E+1}"#,
        r#"{"x": "0.07"}"#,
        r#"{"x": 0.1000000000000000055}"#,
        r#"{"x": 1e400}"#,
        r#"{"x": true}"#,
        r#"{"x": [1]}"#,
        r#"{"x": null}"#,
        r#"{}"#,
        r#"{"x": "\u0035"}"#,
    ];
    let rows = read(&scratch.file("a.jsonl", lines.join("\n")), &intake).unwrap();
    let amounts: Vec<i128> = rows.values.iter().map(|row| row[0].unwrap()).collect();
    assert_eq!(amounts, [12_345_678_901_234_567_891, 10_000, 1_500, 7, 500]);
    let faults: Vec<(u64, Fault, &str)> =
        rows.faults.iter().map(|(row, _, fault, value)| (*row, *fault, value.as_str())).collect();
    let expected = [
        (5, Fault::TooPrecise, "0.1000000000000000055"),
        (6, Fault::OutOfRange, "1e400"),
        (7, Fault::WrongType, "true"),
        (8, Fault::WrongType, "an array"),
        (9, Fault::Missing, ""),
        (10, Fault::Missing, ""),
    ];
    assert_eq!(faults, expected);
}

#[test]
fn lines_that_are_no_objects_are_refused_as_rows() {
    let schema = one_field(Kind::Int, 0, 9, true);
    let intake = intake(&schema, "", &[]);
    let scratch = Scratch::create();
    let lines: [&[u8]; 8] = [
        br#"{"x": 1, "x": 2}"#,
        br#"[1]"#,
        br#"{"x": 01}"#,
        br#"{"x": 1"#,
        br#"{"x": 1} {"#,
        b"{\"x\": \"\xFF\"}",
        br#"{"x": "\ud800"}"#,
        br#"{"x": 5}"#,
    ];
    let rows = read(&scratch.file("a.jsonl", lines.join(&b'\n')), &intake).unwrap();
    assert_eq!(rows.values, [[Some(5)]]);
    assert_eq!(rows.faults.len(), 7);
    assert!(rows.faults.iter().all(|(_, name, fault, _)| name.is_empty() && *fault == Fault::MalformedRow));
    assert_eq!(rows.faults[0].3, r#"{"x": 1, "x": 2}"#);
}

#[test]
fn records_that_do_not_fit_the_header_are_refused_as_rows() {
    let schema = one_field(Kind::Int, 0, 9, true);
    let intake = intake(&schema, "", &[]);
    let scratch = Scratch::create();
    let text: &[u8] = b"id,x\na,1\nb\nc,2,3\n\"d\"e,4\nf\xFF,5\n\"g\nh\",6\n\n\"i,\"\"7\",7";
    let rows = read(&scratch.file("a.csv", text), &intake).unwrap();
    assert_eq!(rows.values, [[Some(1)], [Some(6)], [Some(7)]]);
    let faults: Vec<(u64, Fault, &str)> =
        rows.faults.iter().map(|(row, _, fault, value)| (*row, *fault, value.as_str())).collect();
    let malformed = Fault::MalformedRow;
    assert_eq!(
        faults,
        [
            (2, malformed, "b"),
            (3, malformed, "c,2,3"),
            (4, malformed, "\"d\"e,4"),
            (5, malformed, "f\u{FFFD},5")
        ]
    );
}

#[test]
fn columns_that_are_missing_or_doubled_are_said_with_near_names() {
    let schema = one_field(Kind::Int, 0, 9, true);
    let mapping = Mapping::parse("[x]\ncolumn = \"annual_income\"", &schema).unwrap();
    let intake = Intake { schema, mapping, keep: vec![] };
    let scratch = Scratch::create();
    let failure = read(&scratch.file("a.csv", "id,ANNUAL_INCOME\n1,2\n"), &intake).unwrap_err();
    assert!(
        failure.message.ends_with("a.csv: there is no column `annual_income` for the field `x`"),
        "{failure}"
    );
    assert!(failure.remedy.unwrap().contains("did you mean `ANNUAL_INCOME`?"));
    let failure = read(&scratch.file("b.csv", "annual_income,annual_income\n1,2\n"), &intake).unwrap_err();
    assert!(failure.message.ends_with("two columns are called `annual_income`"));
    let failure = read(&scratch.file("c.csv", ""), &intake).unwrap_err();
    assert!(failure.message.ends_with("there is no header"));
    assert!(read(&scratch.path("none.csv"), &intake).unwrap_err().message.contains("cannot be read"));
}

#[test]
fn damaged_files_are_errors_and_never_panics() {
    let schema = every_kind();
    let columns = some_rows(&schema, 300);
    let intake = intake(&schema, "[share]\nunit = \"percent\"", &[]);
    let scratch = Scratch::create();
    for format in ["parquet", "arrow"] {
        let path = scratch.path(&format!("rows.{format}"));
        write_rows(&schema, &columns, &path);
        let whole = std::fs::read(&path).unwrap();
        for length in (0..whole.len()).step_by(whole.len() / 60 + 1) {
            let cut = scratch.file(&format!("cut.{format}"), &whole[..length]);
            let failure = read(&cut, &intake).expect_err("a part of a file is no file");
            assert!(failure.message.contains(&format!("cut.{format}: ")), "{failure}");
        }
        for at in (0..whole.len()).step_by(whole.len() / 400 + 1) {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x41;
            // what is read may be wrong, for no sum protects it; but it is read or refused
            let _ = read(&scratch.file(&format!("damaged.{format}"), damaged), &intake);
        }
    }
}

#[test]
fn chunks_of_a_long_file_are_numbered_on() {
    let schema = one_field(Kind::Int, 0, 1 << 30, false);
    let scratch = Scratch::create();
    let count = CHUNK_ROWS + 1000;
    let lines: String = (0..count).map(|row| format!("{row}\n")).collect();
    scratch.file("a.csv", format!("x\n{lines}"));
    scratch.file("b.csv", "x\n5\nbad\n");
    let located = super::inputs(&[scratch.path("")], None).unwrap();
    let intake = intake(&schema, "", &[]);
    let mut reader = super::Reader::open(located, &intake).unwrap();
    let mut next = 1;
    while let Some(chunk) = reader.next_chunk().unwrap() {
        assert_eq!(chunk.first_row, next);
        assert!(chunk.rows <= CHUNK_ROWS);
        next += chunk.rows as u64;
    }
    assert_eq!(next, count as u64 + 3);
    assert_eq!(reader.progress(), Some(1.0));
}

#[test]
fn the_shared_rows_are_read_without_a_fault() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/o02/data");
    let credit = Schema {
        currency: dollars(),
        enums: vec![names("Employment", &["salaried", "self_employed", "retired", "student", "unemployed"])],
        inputs: vec![
            field("submitted_on", Kind::Date, day("2023-01-01"), day("2030-12-31"), false),
            field("age", Kind::Int, 16, 120, false),
            field("score", Kind::Int, 300, 850, true),
            field("annual_income", Kind::Money, 0, 1_000_000_000, false),
            field("monthly_debt", Kind::Money, 0, 100_000_000, false),
            field("requested_amount", Kind::Money, 50_000, 7_500_000, false),
            listed("term_months", Kind::Int, &[12, 24, 36, 48, 60], false),
            field("employment", Kind::Enum(0), 0, 4, false),
            field("months_employed", Kind::Int, 0, 720, false),
            field("delinquencies_24m", Kind::Int, 0, 99, false),
            field("months_since_bankruptcy", Kind::Int, 0, 1200, true),
        ],
        ..Schema::default()
    };
    let insurance = Schema {
        currency: dollars(),
        enums: vec![names("Peril", &["fire", "theft", "water", "flood", "collision"])],
        inputs: vec![
            field("loss_date", Kind::Date, day("2022-07-01"), day("2100-12-31"), false),
            field("claim_amount", Kind::Money, 1, 1_000_000_000, false),
            field("deductible", Kind::Money, 0, 10_000_000, false),
            field("peril", Kind::Enum(0), 0, 4, false),
            field("police_report", Kind::Bool, 0, 1, false),
            field("fraud_score", Kind::Int, 0, 100, true),
        ],
        ..Schema::default()
    };
    let refund = Schema {
        currency: dollars(),
        enums: vec![names("Category", &["general", "electronics", "digital", "final_sale"])],
        inputs: vec![
            field("purchase_date", Kind::Date, day("2023-01-01"), day("2100-12-31"), false),
            field("purchase_amount", Kind::Money, 1, 10_000_000, false),
            field("category", Kind::Enum(0), 0, 3, false),
            field("has_receipt", Kind::Bool, 0, 1, false),
        ],
        ..Schema::default()
    };
    let sums = |name: &str, schema: &Schema| {
        let rows = read(&data.join(name), &intake(schema, "", &[])).unwrap();
        assert_eq!(rows.faults, [], "{name}");
        assert_eq!(rows.values.len(), 20_000, "{name}");
        let first: Vec<Option<i128>> = rows.values[0].clone();
        let sum = |index: usize| rows.values.iter().map(|row| row[index].unwrap_or(0)).sum::<i128>();
        (first, (0..schema.inputs.len()).map(sum).collect::<Vec<_>>())
    };
    let (first, _) = sums("refund.csv", &refund);
    assert_eq!(first, [Some(day("2025-02-21")), Some(4810), Some(1), Some(1)]);
    let (first, _) = sums("insurance.jsonl", &insurance);
    assert_eq!(first, [Some(day("2025-01-12")), Some(2_208_901), Some(100_000), Some(1), Some(1), Some(88)]);
    let (_, sums) = sums("credit.parquet", &credit);
    assert_eq!(sums, CREDIT_SUMS);
}

/// The sums of the columns of `credit.parquet`, by another reader.
const CREDIT_SUMS: [i128; 11] = [
    401808039,
    801476,
    14178511,
    137721556057,
    1462115367,
    27323315509,
    723924,
    14845,
    1388796,
    6474,
    181508,
];
