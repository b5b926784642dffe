//! Proofs of claims: what they may use is true, what shows nothing is refused, and a claim that is accepted holds.

use opus_ir::testing::{self, Seed};
use opus_ir::{proof, text, verify};

#[test]
fn generated_proofs_show_what_they_say() {
    let (mut with, mut proofs, mut leaves) = (0, 0, 0);
    for seed in 0..2_000 {
        let func = testing::func(&mut Seed(seed));
        verify(func.clone()).unwrap_or_else(|error| panic!("seed {seed}: {error}\n{func}"));
        with += usize::from(!func.proofs.is_empty());
        let all = || func.proofs.values().flat_map(proof::Proofs::iter);
        proofs += all().count();
        leaves += all().map(proof::Proof::leaves).sum::<usize>();
        assert_eq!(proof::decode(&proof::encode(&func.proofs)).as_ref(), Some(&func.proofs));
        assert_eq!(text::parse(&func.to_string()).as_ref(), Ok(&func), "{func}");
    }
    println!("{with} of 2000 functions have {proofs} proofs with {leaves} leaves");
    assert!(with > 700 && proofs > 1_500 && leaves > proofs, "{with} {proofs} {leaves}");
}
