//! What do generated policies reach? Words of the language, kinds of expressions, ops of the IR and of the machine:
//! counted, so that a generator that forgets one is found out.

use std::collections::BTreeMap;

use opus_frontend::hir::{Cell, ExprKind, Policy};
use opus_frontend::lexer::lex;
use opus_frontend::token::Token;
use opus_frontend::{Compiled, lower};
use opus_ir::{Def, Func, Op, Program, straighten, verify};
use opus_vm::{emit_columns, emit_row, ops};

/// Words that are reserved for later versions of the language: no policy has them.
const LATER: [Token; 8] = [
    Token::Snapshot,
    Token::Exception,
    Token::List,
    Token::Scorecard,
    Token::Key,
    Token::Def,
    Token::Use,
    Token::Property,
];

/// What expressions and cells of the typed tree can be, by the names of their kinds; operators and modes stand for
/// themselves.
#[rustfmt::skip]
const EXPRESSIONS: [&str; 42] = [
    "Constant", "Field", "IsPresent", "OrElse", "Param", "Let", "Table", "Negate", "In", "Not", "And", "Or", "If",
    "AddMonths", "WholeMonths", "WholeYears",
    "Add", "Sub", "Mul", "Div", "FloorDiv", "Mod", "Min", "Max",
    "Eq", "Ne", "Lt", "Le", "Gt", "Ge",
    "HalfEven", "HalfUp", "HalfDown", "Up", "Down", "Floor", "Ceiling",
    "Any", "Missing", "Within", "SeveralSpans", "SeveralRanges",
];

/// How often each word, expression and op stands in policies and their code.
#[derive(Clone, Debug, Default)]
pub struct Reached {
    /// Words and signs of the source.
    pub words: BTreeMap<Token, usize>,
    /// Expressions and cells of the typed tree.
    pub expressions: BTreeMap<String, usize>,
    /// Ops of the IR, before and after the passes.
    pub ir: BTreeMap<Op, usize>,
    /// Ops of the machine, in code for rows and for columns.
    pub machine: BTreeMap<ops::Op, usize>,
}

impl Reached {
    /// Counts those of a policy.
    pub fn count(&mut self, compiled: &Compiled) {
        let (plain, _) = lower::plain(&compiled.policy, &compiled.program.source);
        plain.iter().for_each(|plain| self.count_program(plain));
        self.count_program(&compiled.program);
        let words = lex(&compiled.program.source, &mut Vec::new()).tokens;
        words.iter().for_each(|(word, _)| *self.words.entry(*word).or_default() += 1);
        self.count_tree(&compiled.policy);
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

    /// The names of what was not reached.
    pub fn missing(&self) -> Vec<String> {
        let tables = [Token::HARD, Token::SOFT, Token::SIGNS];
        let words = tables.into_iter().flatten().filter(|word| !LATER.contains(word));
        let words = words.filter(|word| !self.words.contains_key(word)).map(|word| format!("word {word:?}"));
        let expressions = EXPRESSIONS.iter().filter(|name| !self.expressions.contains_key(**name));
        let expressions = expressions.map(|name| format!("expression {name}"));
        let ir = Op::ALL.iter().filter(|op| !self.ir.contains_key(op)).map(|op| format!("ir {op:?}"));
        let machine = ops::TABLE.iter().map(|row| row.op).filter(|op| !self.machine.contains_key(op));
        let machine = machine.map(|op| format!("machine {op:?}"));
        words.chain(expressions).chain(ir).chain(machine).collect()
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
