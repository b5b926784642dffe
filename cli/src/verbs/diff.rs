//! `opus diff`: what changed between two policies, edit by edit.

use opus_data::{Endpoint, Target, apart};
use opus_govern::attribute::edits_of_facts;
use opus_govern::diff::{Edit, diff};
use opus_govern::source::Basis;
use serde_json::json;

use crate::args::Diff;
use crate::endpoints::writable;
use crate::failure::{Exit, Failure};
use crate::open::{Named, snapshot_of};
use crate::terminal::Terminal;

pub fn run(args: &Diff, terminal: &Terminal) -> Result<(), Failure> {
    let [a, b] = [Named::new(&args.a), Named::new(&args.b)];
    let target = args.output.as_ref().map(|path| Endpoint::new(path));
    let inputs = [Endpoint::new(&a.path), Endpoint::new(&b.path)];
    if inputs == [Endpoint::Standard, Endpoint::Standard] {
        return Err(Failure::usage("standard input can be read only once")
            .help("name a file for one of the policies"));
    }
    if let Some(target) = &target {
        apart(&[&inputs[0], &inputs[1]], &[target])?;
        writable(target)?;
    }
    let [before, after] = [&args.snapshot, &args.snapshot_after].map(|path| path.as_deref());
    let a = a.structure_based(before, args.unverified, terminal)?;
    let b = b.structure_based(after.or(before), args.unverified, terminal)?;
    let script = diff(&a.structure, &b.structure);
    let facts = match (before, after) {
        (before, Some(after)) => {
            let before = before.map(|path| snapshot_of(path, terminal)).transpose()?;
            let after = snapshot_of(after, terminal)?;
            edits_of_facts(&script, [&a.structure, &b.structure], [before.as_ref(), Some(&after)])
        }
        _ => Vec::new(),
    };
    let edits: Vec<&Edit> = script.edits.iter().chain(&facts).collect();
    if let Some(target) = &target {
        let text = serde_json::to_string_pretty(&script).expect("a script has names and texts only");
        Target::write_whole(target, (text + "\n").as_bytes())?;
    }
    let same_meaning = a.means_the_same_as(&b);
    let mut human: Vec<String> = edits.iter().map(ToString::to_string).collect();
    if edits.is_empty() {
        human.push("the policies have the same structure".to_owned());
    } else if same_meaning == Some(true) && facts.is_empty() {
        human.push("the meanings are equal: no decision changes".to_owned());
    }
    let labelled = [&a, &b].into_iter().filter(|of| of.basis != Basis::Derived);
    human.extend(labelled.map(|of| format!("source of {}: {}", of.name, of.basis)));
    let edit = |edit: &&Edit| json!({ "id": edit.id, "decides": edit.id.decides, "says": edit.says, "needs": edit.needs });
    let json = json!({
        "a": a.json(), "b": b.json(), "equal": edits.is_empty(), "equal_meaning": same_meaning,
        "edits": edits.iter().map(edit).collect::<Vec<_>>(),
    });
    terminal.report(&human.join("\n"), &json, target == Some(Endpoint::Standard))?;
    if edits.is_empty() { Ok(()) } else { Err(Failure::said(Exit::Policy)) }
}
