//! What are rules and versions called in files?

use std::collections::BTreeMap;

use opus_ir::Program;

/// What the decisions are called.
///
/// ```
/// use opus_data::Names;
/// let names = Names::of(&opus_runtime::example::program());
/// assert_eq!(names.rules, ["R1", "R2", "R3", "R4"]);
/// assert_eq!(names.versions, [1, 2]);
/// ```
#[derive(Clone, Debug)]
pub struct Names {
    /// By rule index, the id.
    pub rules: Vec<String>,
    /// By version index, the number.
    pub versions: Vec<u32>,
}

impl Names {
    /// What a program calls its decisions.
    pub fn of<F>(program: &Program<F>) -> Names {
        Names {
            rules: program.rules.iter().map(|rule| rule.id.clone()).collect(),
            versions: program.versions.iter().map(|version| version.number).collect(),
        }
    }

    /// Each id once, and by rule index its code among them.
    pub(crate) fn rule_codes(&self) -> (Vec<String>, Vec<u16>) {
        let mut code_of: BTreeMap<&str, u16> = BTreeMap::new();
        let mut ids = Vec::new();
        let codes = self.rules.iter().map(|id| {
            *code_of.entry(id).or_insert_with(|| {
                ids.push(id.clone());
                (ids.len() - 1) as u16
            })
        });
        let codes = codes.collect();
        (ids, codes)
    }
}
