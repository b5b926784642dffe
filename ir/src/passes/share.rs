//! What is computed twice? An instruction that was computed in the same block, or in one that dominates it, is not
//! computed again.
//!
//! A refinement is shared like any other instruction: the one that dominates it refines by the same side of the same
//! condition, so that side is established wherever the first one is.

use std::collections::BTreeMap;

use super::rewrite::{Rewriter, install};
use crate::dominators::Dominators;
use crate::func::{Block, Func, Inst, Value};
use crate::ops::Op;

/// How many computations of one instruction, in blocks that do not dominate one another, are remembered: a limit
/// on effort.
const PLACES_MAX: usize = 8;

/// Common subexpressions, by dominance.
pub fn share(func: &mut Func) {
    let Ok(dominators) = Dominators::of(func) else { return };
    let mut known = BTreeMap::<(Inst, bool), Vec<(Block, Value)>>::new();
    let shared = Rewriter::new(func).write(|writer, block, inst, data| {
        if inst.op == Op::Bound {
            // two of the same value say different things about it
            return writer.keep(block, inst, data);
        }
        let places = known.entry((inst.canonical(), data.ty.is_bool())).or_default();
        let dominating =
            places.iter().rev().take(PLACES_MAX).find(|(above, _)| dominators.dominates(*above, block));
        match dominating {
            Some((_, value)) => *value,
            None => {
                let value = writer.keep(block, inst, data);
                places.push((block, value));
                value
            }
        }
    });
    install(func, shared);
}
