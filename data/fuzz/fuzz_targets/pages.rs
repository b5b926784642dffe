//! The target `pages` for `cargo fuzz`.
#![no_main]

/// A panic of a library on a damaged file is an error, not a finding.
fn quietly() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !opus_data::is_guarded() {
            before(panic);
        }
    }));
}

libfuzzer_sys::fuzz_target!(init: quietly(), |data: &[u8]| opus_data::fuzz::pages(data));
