//! What do generated policies cover? Keywords, kinds of expressions and fields, and ops of the IR and the VM are
//! counted, so that a gap in the generator is noticed.

use std::collections::BTreeMap;

use opus_frontend::hir::{Cell, ExprKind, Policy};
use opus_frontend::lexer::lex;
use opus_frontend::token::Token;
use opus_frontend::{Compiled, lower};
use opus_ir::{Def, Func, Op, Program, Width, straighten, verify};
use opus_vm::{emit_columns, emit_row, ops};

/// Words that no generated policy contains: those of facts, which [`snapshots`](crate::snapshots) adds, and those that are
/// reserved for later versions of the language.
const LATER: [Token; 9] = [
    Token::Snapshot,
    Token::Set,
    Token::Exception,
    Token::List,
    Token::Scorecard,
    Token::Key,
    Token::Def,
    Token::Use,
    Token::Property,
];

/// The kinds of expressions and cells of the typed tree. Operators and modes are listed by themselves.
#[rustfmt::skip]
const EXPRESSIONS: [&str; 42] = [
    "Constant", "Field", "IsPresent", "OrElse", "Param", "Let", "Table", "Negate", "In", "Not", "And", "Or", "If",
    "AddMonths", "WholeMonths", "WholeYears",
    "Add", "Sub", "Mul", "Div", "FloorDiv", "Mod", "Min", "Max",
    "Eq", "Ne", "Lt", "Le", "Gt", "Ge",
    "HalfEven", "HalfUp", "HalfDown", "Up", "Down", "Floor", "Ceiling",
    "Any", "Missing", "Within", "SeveralSpans", "SeveralRanges",
];

/// The kinds of fields and outputs, with the width of their columns.
#[rustfmt::skip]
const FIELDS: [&str; 30] = [
    "input Bool W8", "input Bool W8 optional", "input Enum W8", "input Enum W8 optional", "input Enum W16", "output Enum W8",
    "output Bool W8",
    "input Int W8", "input Int W16", "input Int W32", "input Int W64", "input Int W128", "input Int W64 optional",
    "input Int W128 optional", "output Int W128",
    "input Decimal W16", "input Decimal W32", "input Decimal W128", "output Decimal W128",
    "input Money W32", "input Money W128", "input Money W128 optional", "output Money W128",
    "input Percent W16", "input Percent W32", "input Percent W64",
    "input Days W16", "input Date W32", "input Date W32 optional", "output Date W32",
];
/// The decimal places of currencies, and how a version is found: by comparisons or, among many, by a search.
const KINDS: [&str; 6] = ["money 0", "money 2", "money 3", "one version", "versions", "many versions"];

/// How often each word, expression and op occurs in policies and their code.
#[derive(Clone, Debug, Default)]
pub struct Reached {
    /// Words and signs of the source.
    pub words: BTreeMap<Token, usize>,
    /// Expressions and cells of the typed tree.
    pub expressions: BTreeMap<String, usize>,
    /// Types of fields and outputs, currencies and numbers of versions.
    pub schemas: BTreeMap<String, usize>,
    /// Ops of the IR, before and after the passes.
    pub ir: BTreeMap<Op, usize>,
    /// Ops of the VM, in code for rows and for columns.
    pub machine: BTreeMap<ops::Op, usize>,
}

impl Reached {
    /// Adds the counts of a policy.
    pub fn count(&mut self, compiled: &Compiled) {
        let (plain, _) = lower::plain(&compiled.policy, &compiled.source);
        plain.iter().for_each(|plain| self.count_program(plain));
        self.count_program(&compiled.program);
        let words = lex(&compiled.source, &mut Vec::new()).tokens;
        words.iter().for_each(|(word, _)| *self.words.entry(*word).or_default() += 1);
        self.count_tree(&compiled.policy);
        self.count_schema(&compiled.program);
    }

    fn count_schema(&mut self, program: &Program) {
        let schema = &program.schema;
        let fields = schema.inputs.iter().map(|field| ("input", field));
        let named = fields.chain(schema.outputs.iter().map(|field| ("output", field))).map(|(way, field)| {
            let kind: String =
                format!("{:?}", field.kind).chars().take_while(char::is_ascii_alphabetic).collect();
            let optional = if field.optional { " optional" } else { "" };
            format!("{way} {kind} {:?}{optional}", Width::narrowest(field.domain.range))
        });
        let money = schema.currency.iter().map(|currency| format!("money {}", currency.digits));
        let versions = match program.versions.len() {
            1 => "one version",
            2..10 => "versions",
            _ => "many versions",
        };
        for name in named.chain(money).chain([versions.to_owned()]) {
            *self.schemas.entry(name).or_default() += 1;
        }
    }

    fn count_tree(&mut self, policy: &Policy) {
        for version in &policy.versions {
            let rows = version.tables.values().flat_map(|table| &table.rows);
            let names = rows.flat_map(|row| &row.cells).map(cell_name);
            for name in version.exprs.values().map(|expr| name(&expr.kind)).chain(names) {
                *self.expressions.entry(name).or_default() += 1;
            }
        }
    }

    fn count_program(&mut self, program: &Program) {
        for version in &program.versions {
            [&version.admit, &version.decide].into_iter().for_each(|func| self.count_func(func));
        }
    }

    fn count_func(&mut self, func: &Func) {
        for data in func.values.values() {
            if let Def::Inst(inst) = &data.def {
                *self.ir.entry(inst.op).or_default() += 1;
            }
        }
        let Ok(verified) = verify(func.clone()) else { return };
        for code in [emit_row(&verified), emit_columns(&straighten(&verified))].iter().flatten() {
            code.iter().for_each(|(_, instruction)| *self.machine.entry(instruction.op).or_default() += 1);
        }
    }

    /// The names of what was not covered.
    pub fn missing(&self) -> Vec<String> {
        let tables = [Token::HARD, Token::SOFT, Token::SIGNS];
        let words = tables.into_iter().flatten().filter(|word| !LATER.contains(word));
        let words = words.filter(|word| !self.words.contains_key(word)).map(|word| format!("word {word:?}"));
        let expressions = EXPRESSIONS.iter().filter(|name| !self.expressions.contains_key(**name));
        let expressions = expressions.map(|name| format!("expression {name}"));
        let schemas = FIELDS.iter().chain(&KINDS).filter(|name| !self.schemas.contains_key(**name));
        let schemas = schemas.map(|name| format!("schema {name}"));
        let ir = Op::ALL.iter().filter(|op| !self.ir.contains_key(op)).map(|op| format!("ir {op:?}"));
        let machine = ops::TABLE.iter().map(|row| row.op).filter(|op| !self.machine.contains_key(op));
        let machine = machine.map(|op| format!("machine {op:?}"));
        words.chain(expressions).chain(schemas).chain(ir).chain(machine).collect()
    }
}

fn name(kind: &ExprKind) -> String {
    match kind {
        ExprKind::Arithmetic(op, ..) => format!("{op:?}"),
        ExprKind::Compare(comparison, ..) => format!("{comparison:?}"),
        ExprKind::Round { mode, .. } => format!("{mode:?}"),
        ExprKind::In(_, ranges) if ranges.len() > 1 => "SeveralRanges".to_owned(),
        other => {
            let told = format!("{other:?}");
            told.chars().take_while(char::is_ascii_alphanumeric).collect()
        }
    }
}

fn cell_name(cell: &Cell) -> String {
    let name = match cell {
        Cell::Any => "Any",
        Cell::Missing => "Missing",
        Cell::Within(spans) if spans.len() > 1 => "SeveralSpans",
        Cell::Within(_) => "Within",
    };
    name.to_owned()
}
