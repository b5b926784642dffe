//! What was decided, by which rule, under which version?

use std::fmt;

use opus_ir::memory::{self, RowLayout};
use opus_ir::{Field, Kind, Rule, Verdict, Version};

use crate::admission::{Shown, enum_name};
use crate::hash::{Hash, canonical_decision};
use crate::policy::Policy;
use crate::record::{self, Outcome, Record, Value};
use crate::row::{FieldRef, Row};

/// A decision on one row.
///
/// ```
/// use opus_runtime::example;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let policy = example::policy();
/// let decision = policy.decide_json(
///     r#"{"submitted_on": "2025-02-01", "age": 40, "score": 720, "income": 90000.00,
///         "requested": 9000, "work": "salaried"}"#,
/// )?;
/// assert_eq!(decision.output("decision").unwrap().to_string(), "approve");
/// assert_eq!(decision.output("amount").unwrap().value(), 900_000);
/// assert_eq!(decision.rule().id, "R4");
/// assert_eq!(decision.version().number, 2);
/// let text = decision.to_json();
/// assert!(text.starts_with(r#"{"outputs":{"decision":"approve","amount":9000.00},"rule":{"id":"R4"}"#));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Decision<'a> {
    policy: &'a Policy,
    input: Input<'a>,
    version: u32,
    cells: Cells,
}

/// The row that was decided.
#[derive(Clone)]
pub(crate) enum Input<'a> {
    Borrowed(&'a Row),
    Owned(Box<Row>),
}

/// One output of a decision. It is displayed in the policy's units: `9000.00`, `approve`, `2025-01-31`.
///
/// ```
/// let policy = opus_runtime::example::policy();
/// let decision = policy.decide_json(
///     r#"{"submitted_on": "2025-02-01", "age": 40, "score": 720, "income": 90000, "requested": 9000,
///         "work": "salaried"}"#,
/// )?;
/// let amount = decision.output("amount").unwrap();
/// assert_eq!((amount.name(), amount.value(), amount.to_string().as_str()), ("amount", 900_000, "9000.00"));
/// let decided = decision.output("decision").unwrap();
/// assert_eq!((decided.value(), decided.enum_name()), (0, Some("approve")));
/// # Ok::<(), opus_runtime::Refusal>(())
/// ```
#[derive(Clone, Copy)]
pub struct Output<'a> {
    policy: &'a Policy,
    field: &'a Field,
    value: i128,
}

impl<'a> Decision<'a> {
    #[inline]
    pub(crate) fn new(policy: &'a Policy, input: Input<'a>, version: usize, cells: Cells) -> Decision<'a> {
        Decision { policy, input, version: version as u32, cells }
    }

    /// The outputs, in the order of their declaration.
    ///
    /// ```
    /// let policy = opus_runtime::example::policy();
    /// let decision = policy.decide_json(
    ///     r#"{"submitted_on": "2025-02-01", "age": 17, "income": 90000, "requested": 9000, "work": "retired"}"#,
    /// )?;
    /// let said: Vec<String> = decision.outputs().map(|output| format!("{} = {output}", output.name())).collect();
    /// assert_eq!(said, ["decision = decline", "amount = 0.00"]);
    /// # Ok::<(), opus_runtime::Refusal>(())
    /// ```
    pub fn outputs(&self) -> impl ExactSizeIterator<Item = Output<'_>> {
        (0..self.policy.schema().outputs.len()).map(|index| self.output_at(index))
    }

    /// One output, by index or by name.
    pub fn output(&self, output: impl FieldRef) -> Option<Output<'_>> {
        output.index_in(&self.policy.schema().outputs).map(|index| self.output_at(index))
    }

    fn output_at(&self, index: usize) -> Output<'_> {
        let slot = self.policy.output_layout().slots[index];
        let value = memory::read(self.cells.bytes(), slot.offset as usize, slot.width);
        Output { policy: self.policy, field: &self.policy.schema().outputs[index], value }
    }

    /// The index of the rule that decided, in the table of the program.
    ///
    /// ```
    /// // a counter for each rule
    /// let policy = opus_runtime::example::policy();
    /// let mut decided_by = vec![0u64; policy.artifact().program().rules.len()];
    /// let decision = policy.decide_json(
    ///     r#"{"submitted_on": "2025-02-01", "age": 17, "income": 90000, "requested": 9000, "work": "retired"}"#,
    /// )?;
    /// decided_by[decision.rule_index()] += 1;
    /// assert_eq!(decided_by, [1, 0, 0, 0]);
    /// # Ok::<(), opus_runtime::Refusal>(())
    /// ```
    pub fn rule_index(&self) -> usize {
        let slot = self.policy.output_layout().slots[self.policy.schema().outputs.len()];
        memory::read(self.cells.bytes(), slot.offset as usize, slot.width) as u16 as usize
    }

    /// The rule that decided.
    pub fn rule(&self) -> &'a Rule {
        &self.policy.artifact().program().rules[self.rule_index()]
    }

    /// The version that was in force.
    pub fn version(&self) -> &'a Version<()> {
        &self.policy.artifact().program().versions[self.version as usize]
    }

    /// The decision as indices and integers.
    ///
    /// ```
    /// let policy = opus_runtime::example::policy();
    /// let decision = policy.decide_json(
    ///     r#"{"submitted_on": "2025-02-01", "age": 40, "score": 720, "income": 90000.00,
    ///         "requested": 9000, "work": "salaried"}"#,
    /// )?;
    /// assert_eq!(decision.verdict().outputs, [0, 900_000]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn verdict(&self) -> Verdict {
        Verdict {
            version: self.version as usize,
            rule: self.rule_index(),
            outputs: self.outputs().map(|output| output.value()).collect(),
        }
    }

    /// The row that was decided.
    pub fn input(&self) -> &Row {
        match &self.input {
            Input::Borrowed(row) => row,
            Input::Owned(row) => row,
        }
    }

    /// The content hash of the artifact.
    pub fn artifact_hash(&self) -> Hash {
        self.policy.artifact().content_hash()
    }

    /// The hash of the input's canonical form.
    pub fn input_hash(&self) -> Hash {
        self.input().hash()
    }

    /// The hash of the decision's canonical form: [`Hash::of_decision`].
    ///
    /// ```
    /// let policy = opus_runtime::example::policy();
    /// let decide = |age| {
    ///     let text = format!(
    ///         r#"{{"submitted_on": "2025-02-01", "age": {age}, "income": 90000, "requested": 9000, "work": "retired"}}"#
    ///     );
    ///     policy.decide_json(&text).map(|decision| (decision.hash(), decision.input_hash()))
    /// };
    /// // the same version, rule and outputs, on another input
    /// let (a, b) = (decide(40)?, decide(41)?);
    /// assert!(a.0 == b.0 && a.1 != b.1);
    /// # Ok::<(), opus_runtime::Refusal>(())
    /// ```
    pub fn hash(&self) -> Hash {
        let outputs = self.outputs().map(|output| output.value());
        Hash::of_decision(self.version().number, &self.rule().id, outputs)
    }

    /// The decision's canonical form: [`canonical_decision`].
    pub fn canonical(&self) -> Vec<u8> {
        let outputs = self.outputs().map(|output| output.value());
        canonical_decision(self.version().number, &self.rule().id, outputs)
    }

    /// The decision as an owned record, hashes included.
    pub fn record(&self) -> Record {
        let program = self.policy.artifact().program();
        let day = self.policy.day_of(self.input().bytes());
        Record {
            outcome: Outcome::decided(program, &self.verdict(), day),
            artifact: self.artifact_hash(),
            snapshot: self.policy.snapshot(),
            input: Some(self.input_hash()),
        }
    }

    /// The JSON form of [`Decision::record`]. Amounts and numbers are JSON numbers with all their decimals;
    /// percentages, dates and enums are strings.
    ///
    /// It computes the hashes of input and decision, as [`Decision::write_json`] does, and allocates the text.
    pub fn to_json(&self) -> String {
        let mut text = String::with_capacity(512);
        self.write_json(&mut text);
        text
    }

    /// Appends the JSON form of [`Decision::record`] to a text.
    ///
    /// It computes the hashes of input and decision. That takes longer than everything else between the text of a
    /// request and the text of the answer: almost a microsecond for a dozen fields. If nobody asks for them,
    /// [`write_json_without_hashes`](Decision::write_json_without_hashes) leaves them out.
    ///
    /// ```
    /// let policy = opus_runtime::example::policy();
    /// let (mut row, mut answer) = (policy.row(), String::new());
    /// for age in [40, 41] {
    ///     row.set_json(&format!(
    ///         r#"{{"submitted_on": "2025-02-01", "age": {age}, "income": 90000, "requested": 9000, "work": "retired"}}"#
    ///     ))?;
    ///     answer.clear();
    ///     policy.decide(&row)?.write_json(&mut answer);
    ///     assert!(answer.starts_with(r#"{"outputs":{"decision":"refer","amount":0.00},"rule":{"id":"R2"}"#));
    /// }
    /// # Ok::<(), opus_runtime::Refusal>(())
    /// ```
    pub fn write_json(&self, text: &mut String) {
        self.write_open(text);
        record::push_hash(text, ",\"input\":\"", self.input_hash());
        record::push_hash(text, ",\"decision\":\"", self.hash());
        text.push('}');
    }

    /// Appends the JSON form without the members `input` and `decision`. It allocates nothing, as long as the text
    /// has room.
    ///
    /// ```
    /// use opus_runtime::example;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let policy = example::policy();
    /// let decision = policy.decide_json(
    ///     r#"{"submitted_on": "2024-02-01", "age": 17, "income": 0, "requested": 500, "work": "retired"}"#,
    /// );
    /// // refused: the amount exceeds the income
    /// assert!(decision.is_err());
    /// let decision = policy.decide_json(
    ///     r#"{"submitted_on": "2024-02-01", "age": 17, "income": 500, "requested": 500, "work": "retired"}"#,
    /// )?;
    /// let mut text = String::new();
    /// decision.write_json_without_hashes(&mut text);
    /// assert!(text.starts_with(
    ///     r#"{"outputs":{"decision":"decline","amount":0.00},"rule":{"id":"R1","title":"a minor","cite":"2.1"},"#
    /// ));
    /// # Ok(())
    /// # }
    /// ```
    pub fn write_json_without_hashes(&self, text: &mut String) {
        self.write_open(text);
        text.push('}');
    }

    #[inline]
    fn write_open(&self, text: &mut String) {
        let values = self.outputs().map(|output| output.value());
        let program = self.policy.artifact().program();
        let (rule, version) = (self.rule_index(), self.version as usize);
        let day = self.policy.day_of(self.input().bytes());
        self.policy.written().push_decision(text, program, values, rule, version, day);
    }
}

impl<'a> Output<'a> {
    /// The name.
    pub fn name(&self) -> &'a str {
        &self.field.name
    }

    /// What the integer counts.
    pub fn kind(&self) -> Kind {
        self.field.kind
    }

    /// The integer: minor units of an amount, hundredths of a percent, a day number, the code of an enum's value.
    pub fn value(&self) -> i128 {
        self.value
    }

    /// The name of an enum's value; `None` for other kinds.
    pub fn enum_name(&self) -> Option<&'a str> {
        match self.field.kind {
            Kind::Enum(index) => Some(enum_name(self.policy.schema(), index, self.value)),
            _ => None,
        }
    }

    /// What the policy says to people about an enum's value, where it says anything.
    pub fn enum_text(&self) -> Option<&'a str> {
        let Kind::Enum(index) = self.field.kind else { return None };
        let definition = self.policy.schema().enums.get(index as usize)?;
        definition.values.get(usize::try_from(self.value).ok()?)?.text.as_deref()
    }

    /// The output as a JSON value.
    pub fn json(&self) -> String {
        self.shown().to_json()
    }

    /// The output as a record holds it.
    pub fn record(&self) -> Value {
        Value::of(self.policy.schema(), self.field.kind, self.value)
    }

    fn shown(&self) -> Shown<'a> {
        Shown::new(self.policy.schema(), self.field.kind, self.value)
    }
}

impl fmt::Display for Output<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shown().fmt(f)
    }
}

impl fmt::Debug for Decision<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_json())
    }
}

/// Room for what an engine writes, a packed row: in place as long as it is short.
#[derive(Clone)]
pub(crate) struct Cells {
    short: [u128; SHORT],
    /// A row that is longer.
    longer: Option<Box<[u128]>>,
}

/// This many times 16 bytes are stored in place.
const SHORT: usize = 2;

impl Cells {
    /// Room for a row of this layout.
    #[inline]
    pub(crate) fn new(layout: &RowLayout) -> Cells {
        let count = layout.size_bytes / 16;
        Cells { short: [0; SHORT], longer: (count > SHORT).then(|| vec![0; count].into()) }
    }

    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        bytemuck::cast_slice(self.longer.as_deref().unwrap_or(&self.short))
    }

    #[inline]
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        bytemuck::cast_slice_mut(self.longer.as_deref_mut().unwrap_or(&mut self.short))
    }
}
