//! What are the rules of a version lowered to? Blocks in order: a condition, the outcome if it holds, and otherwise
//! the next rule, where the condition is known to have failed.

use opus_ir::{Func, Interval, Kind, Value};

use super::complaint::{Failures, Fault};
use super::expr::{Failed, Lowerer};
use super::quantity::{Sum, power_of_ten};
use super::site::Truth;
use crate::display::value_scale;
use crate::hir::{ExprId, LetId, Policy, Rule, Step, Version};

/// The rules of a version as a function.
pub struct Decides {
    /// The function.
    pub func: Func,
    /// What could go wrong.
    pub failures: Failures,
    /// By the order of the rules: whether it was proved that none of them decides anything, because its
    /// condition is known to fail or an earlier one to hold.
    pub dead: Vec<bool>,
}

/// The requires of a version as a function.
pub struct Admits {
    /// The function.
    pub func: Func,
    /// What could go wrong.
    pub failures: Failures,
}

/// The function that tells which requires hold: one block, one Boolean for each.
pub fn admits(policy: &Policy, version: &Version) -> Admits {
    let mut lowerer = Lowerer::new(policy, version, vec![Interval::BOOL; version.requires.len()]);
    let mut outputs = Vec::with_capacity(version.requires.len());
    for (_, condition) in &version.requires {
        let truth = lowerer.truth(*condition).unwrap_or(Truth::Known(true));
        if truth == Truth::Known(false) {
            lowerer.note(*condition, Fault::Contradiction { alone: true });
        }
        outputs.push(lowerer.site.truth_value(truth));
    }
    lowerer.site.decide(0, outputs);
    let (func, failures) = lowerer.finish();
    Admits { func, failures }
}

/// The function that decides. Where it relies on the requires it begins by asking for them: admitted rows
/// never meet the decision on the other side.
pub fn decides(policy: &Policy, version: &Version, relies_on_requires: bool) -> Decides {
    let results = policy.schema.outputs.iter().map(|output| output.domain.range).collect();
    let mut lowerer = Lowerer::new(policy, version, results);
    if relies_on_requires {
        lowerer.require();
    }
    let dead = lowerer.rules();
    let (func, failures) = lowerer.finish();
    Decides { func, failures, dead }
}

/// What could go wrong with named values that nothing uses: they are lowered as if they came before the first
/// rule.
pub fn unused(policy: &Policy, version: &Version, names: &[LetId]) -> Failures {
    let mut lowerer = Lowerer::new(policy, version, Vec::new());
    lowerer.require();
    // their possible failures are recorded
    names.iter().for_each(|name| drop(lowerer.named(*name)));
    lowerer.finish().1
}

impl Lowerer<'_> {
    /// Goes on in a block where every require holds.
    pub(super) fn require(&mut self) {
        let mut required = Truth::Known(true);
        for (_, condition) in &self.version.requires {
            // failures of a require are reported at admission
            let truth = self.truth(*condition).unwrap_or(Truth::Known(true));
            required = self.site.and(required, truth);
        }
        self.complaints.clear();
        if let Truth::Is(value, holds) = required {
            let (go_on, refused) = self.site.branch(value, holds);
            let place = self.site.enter(refused, !required);
            let rule = self.version.rules().last().expect("rules end in `otherwise`").index;
            let outputs = self.least_outputs();
            self.site.decide(rule, outputs);
            self.site.leave(place);
            self.site.go_on(go_on, required);
        }
    }

    /// The least value of every output.
    fn least_outputs(&mut self) -> Vec<Value> {
        let outputs = &self.policy.schema.outputs;
        let least = outputs.iter().map(|output| match output.kind {
            Kind::Bool => self.site.truth_value(Truth::Known(output.domain.range.lo != 0)),
            _ => self.site.constant(output.domain.range.lo),
        });
        least.collect()
    }

    /// Every rule in order; answers which of them decide nothing.
    fn rules(&mut self) -> Vec<bool> {
        let mut dead = Vec::new();
        let mut is_decided = false;
        for step in &self.version.steps {
            match step {
                _ if is_decided => dead.extend(matches!(step, Step::Rule(_)).then_some(true)),
                Step::Rule(rule) => {
                    let condition = rule.when.map_or(Ok(Truth::Known(true)), |when| self.truth(when));
                    let condition = condition.map(|truth| self.site.told(truth));
                    dead.push(condition == Ok(Truth::Known(false)));
                    is_decided = self.rule(rule, condition);
                }
                // its possible failure is already recorded, so a use does not report it again
                Step::Let(name) => drop(self.named(*name)),
            }
        }
        dead
    }

    /// A rule; answers whether it decides whatever comes to it.
    fn rule(&mut self, rule: &Rule, condition: Result<Truth, Failed>) -> bool {
        match condition {
            Ok(Truth::Known(true)) => {
                self.outcome(rule);
                true
            }
            Ok(truth @ Truth::Is(value, holds)) => {
                let (yes, no) = self.site.branch(value, holds);
                let (place, lets) = (self.site.enter(yes, truth), self.lets.mark());
                self.outcome(rule);
                self.lets.undo(lets);
                self.site.leave(place);
                self.site.go_on(no, !truth);
                false
            }
            Ok(Truth::Known(false)) | Err(Failed) => false,
        }
    }

    /// Ends the block by the outcome of a rule.
    fn outcome(&mut self, rule: &Rule) {
        let mut outputs = Vec::with_capacity(rule.outcome.len());
        for (output, expr) in rule.outcome.iter().enumerate() {
            let value = self.output(output as u32, *expr);
            outputs.push(value.unwrap_or_else(|Failed| self.site.constant(0)));
        }
        self.site.decide(rule.index, outputs);
    }

    /// The value of an output, proved to be one that it may have.
    fn output(&mut self, output: u32, expr: ExprId) -> Result<Value, Failed> {
        let field = &self.policy.schema.outputs[output as usize];
        if field.kind == Kind::Bool {
            let truth = self.truth(expr)?;
            let value = self.site.truth_value(truth);
            return self.kept(output, expr, value);
        }
        let quantity = self.number(expr)?;
        let units = power_of_ten(value_scale(&self.policy.schema, field.kind));
        let counted: Option<Sum> = units.and_then(|units| quantity.counted(units));
        let sum = self.sized(expr, counted, None)?;
        let value = self.site.sum(&sum);
        let value = self.proved(expr, value)?;
        self.kept(output, expr, value)
    }

    fn kept(&mut self, output: u32, expr: ExprId, value: Value) -> Result<Value, Failed> {
        let domain = &self.policy.schema.outputs[output as usize].domain;
        if domain.set.is_some() {
            return self.listed(output, expr, value);
        }
        self.site.keeps(value, domain.range);
        let kept = self.site.within(value, domain.range);
        kept.ok_or_else(|| {
            let found = self.site.bounds(value);
            self.note_range(expr, Fault::Output { output, found }, value, domain.range)
        })
    }
}
