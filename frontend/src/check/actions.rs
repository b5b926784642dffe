//! What can the one who is decided about change, and which decisions are adverse? This decides nothing; explanations use
//! it.

use opus_ir::Kind;

use crate::diagnostic::{Code, Diagnostic};
use crate::hir::{Adverse, Constant};

use super::findings::Findings;
use super::names;
use super::schema::Declared;

/// Only what has an order has a direction, and the date that selects the version is not changed.
pub(super) fn check_actionable(declared: &Declared, findings: &mut Findings) {
    for (index, input) in declared.inputs.iter().enumerate() {
        let (Some(actionable), Some(ty)) = (input.decl.actionable, &input.ty) else { continue };
        let name = &input.decl.name.text;
        if declared.effective == Some(index as u32) {
            let message = format!("`{name}` selects the version, so it is not `actionable`");
            let help = "remove `actionable`: an explanation keeps to the version that was in force";
            let diagnostic = Diagnostic::new(Code::ActionableEffectiveDate, actionable.span, message);
            findings.report(diagnostic.help(help).fix(actionable.span, ""));
        }
        if let (Some(direction), Kind::Bool | Kind::Enum(_)) = (actionable.direction, ty.kind) {
            let word = direction.name();
            let message = format!("the values of `{name}` have no order, so it is not `actionable {word}`");
            let diagnostic = Diagnostic::new(Code::NoDirection, actionable.span, message);
            let help = "write `actionable` alone: an explanation then tries every other value";
            findings.report(diagnostic.help(help).fix(actionable.span, "actionable"));
        }
    }
}

/// The decisions that are adverse.
pub(super) fn adverse(declared: &Declared, findings: &mut Findings) -> Option<Adverse> {
    let decl = declared.items.adverse?;
    let name = &decl.output;
    let Some(output) = declared.outputs.iter().position(|output| output.decl.name.text == name.text) else {
        let outputs = declared.outputs.iter().map(|output| output.decl.name.text.as_str());
        findings.report(names::unknown(name, "output", outputs));
        return None;
    };
    let found = &declared.outputs[output];
    let kind = found.ty.as_ref()?.kind;
    if !matches!(kind, Kind::Enum(_)) {
        let message = format!("`{}` is not an enum, so none of its values is `adverse`", name.text);
        let diagnostic = Diagnostic::new(Code::AdverseNotEnum, name.span, message);
        let help = "name an output whose type is an enum";
        findings.report(diagnostic.also(found.decl.span, "declared here").help(help));
        return None;
    }
    let ty = declared.ty(kind);
    let values: Vec<Option<u32>> = decl
        .values
        .iter()
        .map(|value| match declared.constant(*value, ty, findings)? {
            Constant::Enum(value) => Some(value),
            Constant::Number(_) | Constant::Bool(_) => None,
        })
        .collect();
    let values = values.into_iter().collect::<Option<_>>()?;
    Some(Adverse { output: output as u32, values })
}

#[cfg(test)]
mod tests {
    use crate::check::check;
    use crate::text::parse::parse;

    fn told(fields: &str, item: &str) -> Vec<String> {
        let source = format!(
            "policy p {{ effective on day  version 1 from 2023-01-01  enum Answer {{ yes, no, maybe }}
             input {{ day : date in 2023-01-01..2030-12-31{fields} }}
             output {{ answer : Answer   fee : int in 0..9 }}  {item}
             rules first {{ rule A when day == 2024-01-01 => yes, 1  rule B when day == 2024-01-02 => maybe, 2
                            otherwise C => no, 0 }} }}"
        );
        let (tree, diagnostics) = parse(&source);
        let checked = tree.map(|tree| check(&tree)).filter(|_| diagnostics.is_empty());
        let checked = checked.map_or(Vec::new(), |(policy, found)| {
            assert_eq!(policy.is_some(), !found.iter().any(|found| found.is_error()), "{source}");
            found
        });
        let all = diagnostics.into_iter().chain(checked);
        let shown = |found: crate::diagnostic::Diagnostic| format!("{} {}", found.code, found.message);
        all.filter(|found| found.is_error()).map(shown).collect()
    }

    #[test]
    fn what_explanations_use_is_checked() {
        let none: [&str; 0] = [];
        assert_eq!(told("  a : int in 0..9 actionable  b : int in 0..9 optional actionable up", ""), none);
        assert_eq!(
            told("  up : int in 0..9 actionable  down : bool actionable", "adverse answer in {no, maybe}"),
            none
        );
        assert_eq!(told("  a : int in 0..9", "adverse answer in {Answer.no}"), none);
        for (fields, item, wanted) in [
            (" actionable", "", "E0710 `day` selects the version, so it is not `actionable`"),
            (
                "  a : bool actionable up",
                "",
                "E0316 the values of `a` have no order, so it is not `actionable up`",
            ),
            (
                "  a : Answer actionable down",
                "",
                "E0316 the values of `a` have no order, so it is not `actionable down`",
            ),
            ("  a : int in 0..9 actionable actionable up", "", "E0114 `actionable` is given twice"),
            ("", "adverse answr in {no}", "E0201 there is no output `answr`"),
            ("", "adverse day in {no}", "E0201 there is no output `day`"),
            ("", "adverse fee in {9}", "E0317 `fee` is not an enum, so none of its values is `adverse`"),
            ("", "adverse answer in {nope}", "E0206 `nope` is not a value of `Answer`"),
            ("", "adverse answer in {no}  adverse answer in {maybe}", "E0210 `adverse` appears twice"),
        ] {
            assert_eq!(told(fields, item), [wanted], "{fields} {item}");
        }
    }
}
