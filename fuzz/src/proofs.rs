//! What has to hold for damaged proofs? A function or an artifact that has one is refused, or it is a policy like any
//! other: no value on any row leaves its claim, and all engines decide alike.

use arbitrary::Unstructured;
use opus_ir::program::{Program, Rule, Version};
use opus_ir::testing::{self, Bytes, Source};
use opus_ir::{Builder, Domain, End, Field, Func, Interval, Kind, Schema, Verified, proof};
use opus_runtime::Artifact;
use opus_runtime::artifact::{SourceText, seal};

use crate::damage::{self, Became};

/// The rules that generated functions decide by.
const RULES: u32 = 20;

/// A generated function that has proofs, after damage to them.
///
/// # Errors
/// Where it is accepted, and a value leaves its claim.
pub fn function(source: &mut impl Source) -> Result<Option<Verified>, String> {
    match testing::damaged_proofs(source) {
        testing::Became::Refused => Ok(None),
        testing::Became::Right(func) => Ok(Some(func)),
        testing::Became::Broken(broken) => Err(broken),
    }
}

/// Lets a function decide on every engine, as the artifact of a policy.
///
/// # Errors
/// Where it has no artifact, or the engines do not decide alike.
pub fn on_all_engines(func: Func, u: &mut Unstructured) -> Result<(), String> {
    damage::run(&built(func)?, u)
}

/// The artifact of a policy that decides by a function.
///
/// # Errors
/// Where there is none.
pub fn built(func: Func) -> Result<Artifact, String> {
    let source = SourceText { text: "generated", compiler: opus_frontend::VERSION };
    Artifact::build(program(func), source).map_err(|error| error.to_string())
}

/// An artifact with changed bytes in its proofs, hashes recomputed. It is refused, or decides rows.
///
/// # Errors
/// Where it is accepted, and a value leaves its claim or the engines do not decide alike.
pub fn artifact(whole: &Artifact, source: &mut impl Source, u: &mut Unstructured) -> Result<Became, String> {
    let proofs = proof::encode(&whole.verified_program().versions[0].decide.proofs);
    let mut bytes = whole.bytes().to_vec();
    let place = bytes.windows(proofs.len()).position(|part| part == proofs).expect("they are stored");
    for _ in 0..1 + source.below(3) {
        let byte = &mut bytes[place + source.below(proofs.len())];
        match source.below(4) {
            0 => *byte ^= 1 << source.below(8),
            1 => *byte = source.next() as u8,
            // the lowest bit is the sign, the highest says that more follows
            2 => *byte = byte.wrapping_add(2) & 0x7f,
            _ => *byte = byte.wrapping_sub(2) & 0x7f,
        }
    }
    seal(&mut bytes);
    let Ok(accepted) = Artifact::from_bytes(&bytes) else { return Ok(Became::Refused) };
    let func = &accepted.verified_program().versions[0].decide;
    let broken = (0..16).find_map(|_| testing::broken_claim(func, &testing::row(func, source)));
    match broken {
        Some(broken) => Err(broken),
        None => damage::run(&accepted, u).map(|()| Became::Ran),
    }
}

/// Damages the proofs of functions from random bytes, and those of an artifact.
///
/// # Errors
/// Where a claim that was accepted is broken, or the engines do not decide alike.
pub fn check(data: &[u8]) -> Result<(), String> {
    let (mut source, mut u) = (Bytes(data), Unstructured::new(data));
    if let Some(func) = function(&mut source)? {
        on_all_engines(func.into_inner(), &mut u)?;
    }
    let func = testing::func(&mut source);
    if func.proofs.is_empty() {
        return Ok(());
    }
    let whole = built(func)?;
    (0..4).try_for_each(|_| artifact(&whole, &mut source, &mut u).map(drop))
}

/// A policy of one version that decides by a function.
fn program(mut func: Func) -> Program {
    let field = |name: String, is_bool: bool, range: Interval, optional: bool| Field {
        name,
        kind: if is_bool { Kind::Bool } else { Kind::Int },
        domain: Domain::all(range),
        optional,
    };
    let ends = func.blocks.values().find_map(|data| match &data.end {
        End::Decide { outputs, .. } => Some(outputs.clone()),
        _ => None,
    });
    let outputs: Vec<bool> =
        ends.unwrap_or_default().iter().map(|value| func.values[*value].ty.is_bool()).collect();
    // only damage puts a truth value into an output with a wider range
    for (range, _) in func.results.iter_mut().zip(&outputs).filter(|(_, is_truth)| **is_truth) {
        *range = Interval::BOOL;
    }
    let inputs = func.fields.iter().enumerate();
    let inputs = inputs.map(|(i, of)| field(format!("field{i}"), of.is_bool, of.range, of.optional));
    let results = func.results.iter().zip(&outputs).enumerate();
    let schema = Schema {
        currency: None,
        enums: Vec::new(),
        inputs: inputs.collect(),
        outputs: results
            .map(|(i, (range, is_truth))| field(format!("out{i}"), *is_truth, *range, false))
            .collect(),
        effective: None,
    };
    let mut admit = Builder::new(func.fields.clone(), Vec::new());
    admit.end(End::Decide { rule: 0, outputs: Vec::new() });
    let version = Version {
        number: 1,
        from: i32::MIN,
        until: i32::MAX,
        cite: None,
        requires: Vec::new(),
        admit: admit.finish(),
        decide: func,
    };
    let rule = |i: u32| Rule { id: format!("R{i}"), title: None, cite: None, span: (0, 0) };
    Program {
        name: "generated".into(),
        schema,
        rules: (0..RULES).map(rule).collect(),
        requires: Vec::new(),
        holes: Vec::new(),
        versions: vec![version],
    }
}
