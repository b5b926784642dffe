//! Is the op page in `spec/` what the op table says?

use std::fs;
use std::path::Path;

#[test]
fn the_op_page_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/ops.md");
    let expected = opus_ir::op_page::op_page();
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &expected).expect("the page can be written");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "spec/ops.md is out of date: `UPDATE=1 cargo test -p opus-ir` rewrites it");
}
