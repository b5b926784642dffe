//! How is a row read once for several policies?
//!
//! A [`Joint`] schema has room for every value that one of two policies admits. Rows are read with it, and a
//! [`Projection`] then converts them for each policy, or for a hybrid of the two, which refuses exactly what it would
//! have refused if it had read the rows itself. Two things cannot be determined from the wide columns, and so are kept
//! separately:
//!
//! - A value that no policy admits: it is a fault of the wide row, and the projection repeats it in the policy's words.
//! - What a number means to a field of another kind. A date is not an integer, and `12.345` is never a valid amount but
//!   can be a valid decimal. Such a field is read twice from one column, and the wide schema then has two fields with
//!   the same name.
//!
//! Only spelling is lost: a value that one policy admits and the other refuses is shown as the policy writes it,
//! `1200.00`, even if the file has `1.2e3`. A row that cannot be read at all is refused by every policy.

use std::collections::BTreeMap;
use std::fmt;

use opus_ir::memory::Columns;
use opus_ir::{Domain, EnumDef, Field, Interval, Kind, Scalar, Schema, by_width};
use opus_runtime::Batch;
use opus_runtime::admission::{Admission, Place, Reading, Reason, Shown, Unit};

/// The inputs of two policies.
///
/// ```
/// use opus_govern::joint::Joint;
/// use opus_govern::source::open;
/// use opus_runtime::{Cache, Options, Policy};
///
/// let policy = |least: u8| {
///     let source = format!(
///         "policy shop {{ input {{ age : int in {least}..120 }}  output {{ child : bool }}
///          rules first {{ rule A when age < 21 => true  otherwise B => false }} }}");
///     open(source.into(), &Cache::Off).map(|(opened, _)| Policy::from_artifact(opened.artifact, &Options::default()).unwrap())
/// };
/// let (a, b) = (policy(0)?, policy(18)?);
/// let joint = Joint::new(a.schema(), b.schema())?;
/// // the data crate reads rows with `joint.schema()`; these are two, of ages 17 and 40
/// let mut wide = opus_ir::memory::Columns::new(&joint.schema().input_columns(), 2);
/// wide.set_rows(2);
/// wide.set(0, 0, Some(17));
/// wide.set(0, 1, Some(40));
///
/// let mut batch = b.batch(2);
/// joint.projection(b.schema())?.admit(&wide, &[], &[0, 1], &mut batch);
/// batch.decide();
/// assert_eq!(batch.rows(), [1]);
/// assert_eq!(batch.refused()[0].1.message, "age: 17 is outside 18..120");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Joint {
    schema: Schema,
}

/// Why two policies cannot read the same rows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum JointError {
    /// Their amounts are in different currencies, whose codes these are.
    Currencies(String, String),
    /// The policy has an input that neither of the two has, or not with these values.
    OtherField(String),
}

impl Joint {
    /// The inputs of `a`, and then those of `b` that are not among them.
    ///
    /// # Errors
    /// If the policies count in different currencies.
    pub fn new(a: &Schema, b: &Schema) -> Result<Joint, JointError> {
        let currency = match (&a.currency, &b.currency) {
            (Some(a), Some(b)) if a != b => {
                return Err(JointError::Currencies(a.code.clone(), b.code.clone()));
            }
            (a, b) => a.as_ref().or(b.as_ref()).cloned(),
        };
        let mut schema = Schema { currency, ..Schema::default() };
        for (of, field) in [a, b].into_iter().flat_map(|of| of.inputs.iter().map(move |field| (of, field))) {
            let known = (0..schema.inputs.len()).find(|wide| is_same_reading(&schema, *wide, field));
            match known {
                Some(wide) => widen(&mut schema, wide, of, field),
                None => add(&mut schema, of, field),
            }
        }
        Ok(Joint { schema })
    }

    /// The schema that rows are read with. It has inputs alone. Two inputs of one name are of different kinds, and are
    /// read from one column.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// How the wide columns become the input columns of a policy: one of the two, or a hybrid of them.
    ///
    /// # Errors
    /// If the policy has an input that the wide schema has no room for.
    pub fn projection(&self, of: &Schema) -> Result<Projection, JointError> {
        let fields = of.inputs.iter().enumerate().map(|(own, field)| {
            let found = (0..self.schema.inputs.len()).find_map(|wide| self.field(of, own, wide));
            found.ok_or_else(|| JointError::OtherField(field.name.clone()))
        });
        let fields: Vec<Projected> = fields.collect::<Result<_, _>>()?;
        let mut of_wide = vec![None; self.schema.inputs.len()];
        fields.iter().enumerate().for_each(|(own, field)| of_wide[field.wide] = Some(own));
        Ok(Projection { joint: self.schema.clone(), own: of.clone(), fields, of_wide })
    }

    /// How a field of a policy comes from a wide one; `None` if it does not.
    fn field(&self, of: &Schema, own: usize, wide: usize) -> Option<Projected> {
        let field = &of.inputs[own];
        let from = &self.schema.inputs[wide];
        if !is_same_reading(&self.schema, wide, field) || field.optional && !from.optional {
            return None;
        }
        let codes = match (from.kind, field.kind) {
            (Kind::Enum(wide), Kind::Enum(own)) => {
                let (wide, own) = (&self.schema.enums[wide as usize], &of.enums[own as usize]);
                let own_code = |name: &str| own.values.iter().position(|value| value.name == name);
                let codes: Vec<Option<usize>> =
                    wide.values.iter().map(|value| own_code(&value.name)).collect();
                if codes.iter().flatten().count() < own.values.len() {
                    return None;
                }
                let is_same = codes.iter().enumerate().all(|(at, code)| *code == Some(at));
                (!is_same).then_some(codes)
            }
            _ if from.domain.range.contains_all(field.domain.range) => None,
            _ => return None,
        };
        let is_narrower = codes.is_some() || from.domain != field.domain;
        Some(Projected { wide, codes, is_narrower, needs_value: from.optional && !field.optional })
    }
}

/// From this count on, neighbouring values may have the same double, and the field's range decides between them.
const DOUBLES_MEET: i128 = 1 << 51;

/// The most decimals with which smaller values are told apart; a mapping may add two of them.
const DECIMALS_MAX: u8 = 20;

/// Whether every value of a column is the same integer for a wide field and for `field`, if both admit it.
fn is_same_reading(schema: &Schema, wide: usize, field: &Field) -> bool {
    let wide = &schema.inputs[wide];
    let is_told_apart = || {
        let near = |bound: i128| bound.unsigned_abs() < DOUBLES_MEET as u128;
        let is_small = |range: Interval| near(range.lo) && near(range.hi);
        let is_counted = !matches!(field.kind, Kind::Bool | Kind::Date | Kind::Enum(_));
        !is_counted
            || schema.decimals(field.kind) <= DECIMALS_MAX
                && is_small(wide.domain.range)
                && is_small(field.domain.range)
    };
    wide.name == field.name
        && match (wide.kind, field.kind) {
            (Kind::Enum(_), Kind::Enum(_)) => true,
            (wide_kind, kind) => wide_kind == kind && (wide.domain == field.domain || is_told_apart()),
        }
}

fn add(schema: &mut Schema, of: &Schema, field: &Field) {
    let kind = match field.kind {
        Kind::Enum(index) => {
            // each field has an enum of its own, which the other policy may add to
            schema.enums.push(of.enums[index as usize].clone());
            Kind::Enum(schema.enums.len() as u32 - 1)
        }
        kind => kind,
    };
    schema.inputs.push(Field { kind, ..field.clone() });
}

/// Makes room in a wide field for the values of another.
fn widen(schema: &mut Schema, wide: usize, of: &Schema, field: &Field) {
    let Schema { enums, inputs, .. } = schema;
    let wide = &mut inputs[wide];
    wide.optional |= field.optional;
    match (wide.kind, field.kind) {
        (Kind::Enum(wide_enum), Kind::Enum(own)) => {
            let EnumDef { values, .. } = &mut enums[wide_enum as usize];
            let own = &of.enums[own as usize].values;
            let is_same = values.iter().map(|value| &value.name).eq(own.iter().map(|value| &value.name));
            if is_same && wide.domain == field.domain {
                return;
            }
            let added = own.iter().filter(|value| !values.iter().any(|known| known.name == value.name));
            let added: Vec<_> = added.cloned().collect();
            values.extend(added);
            wide.domain = Domain::all(Interval::new(0, values.len() as i128 - 1));
        }
        _ if wide.domain == field.domain => {}
        _ => wide.domain = Domain::all(wide.domain.range.hull(field.domain.range)),
    }
}

/// From wide columns to the input columns of a policy.
#[derive(Clone, Debug)]
pub struct Projection {
    joint: Schema,
    own: Schema,
    /// By input of the policy.
    fields: Vec<Projected>,
    /// By wide field, the input of the policy that comes from it.
    of_wide: Vec<Option<usize>>,
}

/// How an input comes from a wide field.
#[derive(Clone, Debug)]
struct Projected {
    wide: usize,
    /// By wide code, the policy's own code; `None` as a whole if the codes are the same, and for a value that the policy
    /// does not know.
    codes: Option<Vec<Option<usize>>>,
    /// Whether the wide field admits values that the policy refuses.
    is_narrower: bool,
    /// Whether the wide field may be missing and the policy's may not.
    needs_value: bool,
}

/// The rows that are admitted, and what is wrong with them already.
struct Rows<'a> {
    /// Ascending.
    numbers: &'a [u32],
    /// By row, whether its cells are of no meaning.
    is_unreadable: Vec<bool>,
}

impl Projection {
    /// Fills an empty batch, made by the engine of the policy, with the rows `rows` of the wide columns, which are
    /// ascending. `faults` is what was wrong with any of the wide rows when they were read, in the order of rows. The
    /// batch then holds what the policy would have found if it had read these rows alone, and may be decided.
    ///
    /// Reasons have the same faults, names and messages, except that a hint about mapping files may fit the other policy, and
    /// a value that only the wide field admits is spelled as the policy writes it.
    ///
    /// A policy may have more inputs behind its own, which the caller fills.
    ///
    /// # Panics
    /// If the batch has too little room or is of another policy, or a row is not among those of the columns.
    pub fn admit(&self, wide: &Columns, faults: &[(u32, Reason)], rows: &[u32], batch: &mut Batch) {
        batch.clear();
        let (inputs, refused) = batch.filling();
        assert!(inputs.len() >= self.fields.len(), "the batch is of the policy");
        assert!(
            rows.last().is_none_or(|last| (*last as usize) < wide.rows()),
            "rows are those of the columns"
        );
        inputs.set_rows(rows.len());
        let mut is_unreadable = vec![false; rows.len()];
        // by wide field, the rows whose cells are of no meaning
        let mut at_fault: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
        for (row, reason) in faults {
            let Ok(at) = rows.binary_search(row) else { continue };
            match reason.place {
                Place::Field(field) => {
                    let field = field as usize;
                    at_fault.entry(field).or_default().push(at as u32);
                    if let Some(own) = self.of_wide[field] {
                        refused.push((at as u32, self.restated(own, reason)));
                    }
                }
                Place::Row | Place::Require(_) => {
                    is_unreadable[at] = true;
                    refused.push((at as u32, reason.clone()));
                }
            }
        }
        let rows = Rows { numbers: rows, is_unreadable };
        for (own, field) in self.fields.iter().enumerate() {
            copy(field, wide, rows.numbers, inputs, own);
            let faulty = at_fault.get(&field.wide).map_or(&[][..], Vec::as_slice);
            if field.needs_value {
                self.refuse_missing(own, wide, &rows, faulty, refused);
            }
            if field.is_narrower {
                self.refuse_others(own, wide, &rows, faulty, refused);
            }
        }
    }

    /// The wide field that an input of the policy comes from.
    pub fn wide(&self, own: usize) -> usize {
        self.fields[own].wide
    }

    fn admission(&self, own: usize) -> Admission<'_> {
        Admission::new(&self.own, own, Unit::Written)
    }

    /// A fault of the wide row in the words of the policy.
    #[cold]
    fn restated(&self, own: usize, reason: &Reason) -> Reason {
        let wide = Admission::new(&self.joint, self.fields[own].wide, Unit::Written);
        self.admission(own).restated(reason, &wide)
    }

    fn refuse_missing(
        &self,
        own: usize,
        wide: &Columns,
        rows: &Rows<'_>,
        faulty: &[u32],
        refused: &mut Vec<(u32, Reason)>,
    ) {
        let validity = wide.validity(self.fields[own].wide);
        let is_missing = |row: u32| validity[row as usize / 64] >> (row % 64) & 1 == 0;
        for (at, _) in rows.numbers.iter().enumerate().filter(|(_, row)| is_missing(**row)) {
            if rows.is_unreadable[at] || faulty.binary_search(&(at as u32)).is_ok() {
                continue;
            }
            if let Err(reason) = self.admission(own).admit(Reading::Missing) {
                refused.push((at as u32, reason));
            }
        }
    }

    /// Refuses the values that the wide field admits and the policy does not.
    fn refuse_others(
        &self,
        own: usize,
        wide: &Columns,
        rows: &Rows<'_>,
        faulty: &[u32],
        refused: &mut Vec<(u32, Reason)>,
    ) {
        let from = self.fields[own].wide;
        let strangers =
            by_width!(wide.column(from).width, Cell => self.strangers::<Cell>(own, wide, rows.numbers));
        for at in strangers {
            if rows.is_unreadable[at] || faulty.binary_search(&(at as u32)).is_ok() {
                continue;
            }
            if let Some(reason) =
                wide.get(from, rows.numbers[at] as usize).and_then(|value| self.refusal(own, value))
            {
                refused.push((at as u32, reason));
            }
        }
    }

    /// The rows that may hold a value which the policy refuses.
    fn strangers<W: Scalar>(&self, own: usize, wide: &Columns, rows: &[u32]) -> Vec<usize> {
        let Projected { wide: from, codes, .. } = &self.fields[own];
        let cells = wide.values::<W>(*from);
        let domain = &self.own.inputs[own].domain;
        let found = |is_strange: &dyn Fn(W) -> bool| {
            let strange = rows.iter().enumerate().filter(|(_, row)| is_strange(cells[**row as usize]));
            strange.map(|(at, _)| at).collect()
        };
        if let Some(codes) = codes {
            let is_admitted = |code: &Option<usize>| code.is_some_and(|code| domain.contains(code as i128));
            let admitted: Vec<bool> = codes.iter().map(is_admitted).collect();
            return found(&|cell| admitted.get(cell.wide() as usize) != Some(&true));
        }
        if let Some(set) = &domain.set {
            return found(&|cell| set.binary_search(&cell.wide()).is_err());
        }
        let (lo, hi) = (W::nearest(domain.range.lo), W::nearest(domain.range.hi));
        // most chunks have none, which one pass without branches tells
        let outside = rows.iter().fold(false, |any, row| {
            let cell = cells[*row as usize];
            any | (cell < lo) | (cell > hi)
        });
        if outside { found(&|cell| cell < lo || cell > hi) } else { Vec::new() }
    }

    /// Why the policy refuses a value of the wide field, if it does.
    #[cold]
    fn refusal(&self, own: usize, value: i128) -> Option<Reason> {
        let from = &self.joint.inputs[self.fields[own].wide];
        let shown = Shown::new(&self.joint, from.kind, value).to_string();
        match from.kind {
            Kind::Enum(_) => self.admission(own).admit(Reading::Text(&shown)).err(),
            _ => self
                .admission(own)
                .admit_counted(Some(value))
                .err()
                .map(|reason| Reason { value: shown, ..reason }),
        }
    }
}

/// Copies the cells of a field. Cells of no meaning may become anything.
fn copy(field: &Projected, wide: &Columns, rows: &[u32], to: &mut Columns, own: usize) {
    let (from, column) = (field.wide, to.column(own));
    by_width!(wide.column(from).width, From => by_width!(column.width, To => {
        let cells = wide.values::<From>(from);
        let out = to.values_mut::<To>(own);
        match &field.codes {
            Some(codes) => {
                let codes: Vec<To> = codes.iter().map(|code| To::truncate(code.unwrap_or(0) as i128)).collect();
                let code = |cell: From| codes.get(cell.wide() as usize).copied().unwrap_or(To::truncate(0));
                out.iter_mut().zip(rows).for_each(|(out, row)| *out = code(cells[*row as usize]));
            }
            None if is_prefix(rows) => {
                out.iter_mut().zip(&cells[..rows.len()]).for_each(|(out, cell)| *out = *cell as To);
            }
            None => out.iter_mut().zip(rows).for_each(|(out, row)| *out = cells[*row as usize] as To),
        }
    }));
    if !column.optional {
        return;
    }
    let words = to.validity_mut(own);
    let validity = wide.validity(from);
    if is_prefix(rows) {
        let count = rows.len().div_ceil(64);
        words[..count].copy_from_slice(&validity[..count]);
    } else {
        for (word, rows) in words.iter_mut().zip(rows.chunks(64)) {
            let bit = |row: u32| validity[row as usize / 64] >> (row % 64) & 1;
            *word = rows.iter().enumerate().fold(0, |word, (at, row)| word | bit(*row) << at);
        }
    }
}

/// Whether ascending rows are the first ones, without a gap.
fn is_prefix(rows: &[u32]) -> bool {
    rows.last().is_none_or(|last| *last as usize + 1 == rows.len())
}

impl fmt::Display for JointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JointError::Currencies(a, b) => {
                write!(
                    f,
                    "the policies have different currencies, {a} and {b}, so their amounts cannot be compared"
                )
            }
            JointError::OtherField(name) => {
                write!(f, "the input `{name}` has values that neither of the two policies reads")
            }
        }
    }
}

impl std::error::Error for JointError {}
