//! What do the tests of engines share? Programs from generated functions, and rows for them.
#![allow(dead_code)]

use std::path::{Path, PathBuf};

use opus_ir::func::{End, Func};
use opus_ir::testing::{self, Seed};
use opus_ir::{Builder, Domain, Field, Kind, Program, Rule, Schema, Version};
use opus_runtime::{Artifact, Cache, CacheDir, Engine, Options, Policy, example};

/// A folder for a cache, which goes away with the test.
pub struct Folder(PathBuf);

impl Folder {
    /// A folder that does not exist yet.
    pub fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("opus-runtime-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Folder(path)
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The cache in it.
    pub fn cache(&self) -> Cache {
        Cache::In(CacheDir::new(&self.0))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A policy without a cache.
pub fn open(program: Program, engine: Engine) -> Policy {
    let options = Options { engine, cache: Cache::Off, ..Options::default() };
    let policy = Policy::from_artifact(Artifact::build(program, example::SOURCE).unwrap(), &options).unwrap();
    assert_eq!(policy.engine(), engine, "{:?}", policy.fallback());
    policy
}

/// A program of one version that decides as a function does.
pub fn program_of(func: &Func) -> Program {
    let kind = |is_bool| if is_bool { Kind::Bool } else { Kind::Int };
    let inputs = func.fields.iter().enumerate().map(|(index, field)| Field {
        name: format!("in{index}"),
        kind: kind(field.is_bool),
        domain: Domain::all(field.range),
        optional: field.optional,
    });
    let outputs = func.results.iter().enumerate().map(|(index, range)| Field {
        name: format!("out{index}"),
        kind: Kind::Int,
        domain: Domain::all(*range),
        optional: false,
    });
    let rules = func.blocks.values().filter_map(|block| match block.end {
        End::Decide { rule, .. } => Some(rule + 1),
        _ => None,
    });
    let rule = |index| Rule { id: format!("R{index}"), title: None, cite: None, span: (0, 0) };
    let mut admit = Builder::new(func.fields.clone(), vec![]);
    admit.end(End::Decide { rule: 0, outputs: vec![] });
    let version = Version {
        number: 1,
        from: 0,
        until: i32::MAX,
        cite: None,
        requires: vec![],
        admit: admit.finish(),
        decide: func.clone(),
    };
    Program {
        name: "generated".into(),
        schema: Schema { inputs: inputs.collect(), outputs: outputs.collect(), ..Schema::default() },
        rules: (0..rules.max().unwrap_or(1)).map(rule).collect(),
        requires: vec![],
        holes: vec![],
        versions: vec![version],
    }
}

/// A row, by input index.
pub type Given = Vec<Option<i128>>;

/// An admitted row of a function.
pub fn row_of(func: &Func, seed: &mut Seed) -> Given {
    let (values, present) = testing::row(func, seed);
    values.into_iter().zip(present).map(|(value, present)| present.then_some(value)).collect()
}

/// A decision: the outputs, the index of the rule, the index of the version.
pub type Decided = (Vec<i128>, usize, usize);

/// What a policy decides row by row; `None` where it refuses.
pub fn by_row(policy: &Policy, rows: &[Given]) -> Vec<Option<Decided>> {
    let mut row = policy.row();
    let mut decide = |given: &Given| {
        row.clear();
        for (index, value) in given.iter().enumerate() {
            match value {
                Some(value) => row.set_counted(index, *value).ok()?,
                None => row.set_missing(index).ok()?,
            }
        }
        let decision = policy.decide(&row).ok()?;
        let outputs = decision.outputs().map(|output| output.value()).collect();
        let version = decision.version().number as usize - 1;
        Some((outputs, decision.rule_index(), version))
    };
    rows.iter().map(&mut decide).collect()
}

/// What a policy decides in batches of so many rows; fields are admitted one by one first.
pub fn by_batch(policy: &Policy, rows: &[Given], rows_per_batch: usize) -> Vec<Option<Decided>> {
    use opus_runtime::admission::{Admission, Unit};
    let mut batch = policy.batch(rows_per_batch);
    let mut all = Vec::new();
    for chunk in rows.chunks(rows_per_batch) {
        batch.clear();
        batch.inputs_mut().set_rows(chunk.len());
        for (row, given) in chunk.iter().enumerate() {
            for (index, value) in given.iter().enumerate() {
                batch.inputs_mut().set(index, row, *value);
                let admission = Admission::new(policy.schema(), index, Unit::Written);
                if let Err(reason) = admission.admit_counted(*value) {
                    batch.refuse(row, reason);
                }
            }
        }
        batch.decide();
        let mut decided = vec![None; chunk.len()];
        for (index, row) in batch.rows().iter().enumerate() {
            let outputs = policy.schema().outputs.len();
            let outputs = (0..outputs).map(|output| batch.outputs().get(output, index).unwrap()).collect();
            let (rule, version) = (batch.rules()[index] as usize, batch.versions()[index] as usize);
            decided[*row as usize] = Some((outputs, rule, version));
        }
        let told: Vec<u32> = batch.refused().iter().map(|(row, _)| *row).collect();
        assert!(told.is_sorted());
        assert!((0..chunk.len()).all(|row| decided[row].is_none() == told.contains(&(row as u32))));
        all.extend(decided);
    }
    all
}
