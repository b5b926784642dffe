//! Which definitions does nothing refer to?

use opus_ir::Kind;

use crate::diagnostic::{Code, Diagnostic};
use crate::text::ast::{Field, Name, Statement};

use super::findings::Findings;
use super::schema::{Declared, EnumInfo};

/// Warnings about what is defined and not used, in a policy without errors.
pub(super) fn warn(declared: &Declared, findings: &mut Findings) {
    let mut found: Vec<Diagnostic> = vec![];
    let items = &declared.items;
    let mut look = |name: &Name, noun: &str| {
        if findings.is_unused(name.span) {
            found.push(unused(name, noun));
        }
    };
    items.params.iter().for_each(|param| look(&param.name, "the parameter"));
    items.sets.iter().for_each(|set| look(&set.name, "the set"));
    items.fact_tables.iter().for_each(|table| look(&table.name, "the table"));
    items.lets.iter().for_each(|item| look(&item.name, "the `let`"));
    items.tables.iter().for_each(|table| look(table.name(), &format!("the {}", table.noun())));
    items.cases.iter().for_each(|case| look(&case.name, "the case"));
    items.enums.iter().for_each(|decl| look(&decl.name, "the enum"));
    for statement in items.rules.iter().flat_map(|rules| &rules.statements) {
        if let Statement::Let(item) = statement {
            look(&item.name, "the `let`");
        }
    }
    let unread = declared.inputs.iter().filter(|input| findings.is_unused(input.decl.name.span));
    found.extend(unread.map(|input| unread_input(input.decl)));
    for (index, info) in declared.enums.iter().enumerate().filter(|(index, _)| only_decided(declared, *index))
    {
        let idle = info.values.iter().filter(|value| findings.is_unused(value.name.span));
        found.extend(idle.map(|value| idle_value(&declared.enums[index], &value.name)));
    }
    found.extend(
        declared
            .outputs
            .iter()
            .map(|output| &output.decl.name)
            .filter(|name| name.text == "row")
            .map(named_row),
    );
    for diagnostic in found {
        findings.report(diagnostic);
    }
}

/// Whether an enum is the type of an output, and of no input: then each of its values is one that rules decide.
fn only_decided(declared: &Declared, index: usize) -> bool {
    let of = |kind: Kind| kind == Kind::Enum(index as u32);
    let any = |fields: &[super::schema::FieldInfo]| {
        fields.iter().any(|field| field.ty.as_ref().is_some_and(|ty| of(ty.kind)))
    };
    any(&declared.outputs) && !any(&declared.inputs)
}

fn unused(name: &Name, noun: &str) -> Diagnostic {
    let message = format!("{noun} `{}` is never used", name.text);
    Diagnostic::new(Code::UnusedDefinition, name.span, message).help("use it, or remove it")
}

/// `opus batch` numbers rows in a column of this name.
fn named_row(name: &Name) -> Diagnostic {
    Diagnostic::new(
        Code::OutputNamedRow,
        name.span,
        "`row` is the name of the row number in the output of `opus batch`",
    )
    .help("choose another name, such as `row_value`; as it is, the row number is called `row_number`")
}

fn unread_input(decl: &Field) -> Diagnostic {
    let refused = match decl.optional {
        Some(_) => "rows with a value that it does not admit",
        None => "rows without it",
    };
    let message = format!("the input `{}` is never read", decl.name.text);
    Diagnostic::new(Code::UnreadInput, decl.name.span, message)
        .help(format!("use it, or remove it: {refused} are refused, although nothing depends on it"))
}

fn idle_value(info: &EnumInfo, name: &Name) -> Diagnostic {
    let message = format!("no rule ever gives `{}`, a value of `{}`", name.text, info.decl.name.text);
    Diagnostic::new(Code::UndecidedValue, name.span, message).help("use it, or remove it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_unread_input_refuses_is_told_for_optional_inputs_too() {
        for (optional, says) in [
            ("", "rows without it are refused"),
            ("optional", "rows with a value that it does not admit are refused"),
        ] {
            let source = format!(
                "policy p {{ input {{ a : int in 0..9  b : int in 0..9 {optional} }} output {{ o : bool }}
                 rules first {{ rule R when a > 3 => true otherwise Z => false }} }}"
            );
            let said = crate::compile(&source).1;
            let unread = said.iter().find(|one| one.code == Code::UnreadInput).expect("it is unread");
            assert!(unread.help.as_ref().is_some_and(|help| help.contains(says)), "{unread:?}");
        }
    }
}
