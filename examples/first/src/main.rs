//! The first decision of a program that embeds Opus: a typed row, and a JSON object.
//!
//!     opus build spec/policies/credit.opus -o credit.opusc
//!     cargo run --release -p first -- credit.opusc

use opus_runtime::Policy;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: first POLICY.opusc")?;
    // opened once: checked, made ready, and shared by all threads
    let policy = Policy::open(path)?;

    // a typed row, which is filled in again for the next application
    let mut row = policy.row();
    row.set_text("submitted_on", "2025-02-01")?;
    row.set_int("age", 40)?;
    row.set_int("score", 745)?;
    row.set_money("annual_income", 9_000_000)?; // in cents
    row.set_money("monthly_debt", 40_000)?;
    row.set_money("requested_amount", 900_000)?;
    row.set_int("term_months", 36)?;
    row.set_enum("employment", "salaried")?;
    row.set_int("months_employed", 60)?;
    row.set_int("delinquencies_24m", 0)?;
    let decision = policy.decide(&row)?;
    let decided = decision.output("decision").ok_or("the policy has no such output")?;
    println!("{decided} by rule {} of version {}", decision.rule().id, decision.version().number);

    // a JSON object in, a JSON object out; an invalid input gives an answer that says what is wrong
    match policy.decide_json(r#"{"submitted_on": "2025-02-01", "age": 200}"#) {
        Ok(decision) => println!("{}", decision.to_json()),
        Err(refusal) => {
            for reason in refusal.reasons() {
                println!("{}: {}", reason.fault.code(), reason.message);
            }
        }
    }
    Ok(())
}
