//! Does it matter how it is run? The bytes of decisions and rejects depend on artifact, input and options alone.

use std::process::Command;

use crate::folder::{Ended, Folder, OPUS};

/// Rows of which some are refused, each for another reason.
fn dirty(folder: &Folder, rows: usize) {
    folder.opus(&format!("sample insurance.opus -n {rows} --seed 5 --boundaries -o clean.csv")).ends(0);
    let text = folder.text("clean.csv");
    let dirt = |(index, line): (usize, &str)| match index % 97 {
        _ if index == 0 => line.to_owned(),
        5 => with_cell(line, 1, "1900-01-01"),
        13 => line.replacen("20", "30", 1),
        41 => line.replace("fire", "fir").replace("true", "yes"),
        60 => format!("{line},more"),
        83 => line.replacen('.', ".001", 1),
        _ => line.to_owned(),
    };
    let lines: Vec<String> = text.lines().enumerate().map(dirt).collect();
    folder.write("dirty.csv", lines.join("\n") + "\n");
}

/// A record with another text in one cell.
fn with_cell(line: &str, index: usize, text: &str) -> String {
    let mut cells: Vec<&str> = line.split(',').collect();
    cells[index] = text;
    cells.join(",")
}

/// The decisions and the rejects of a run.
fn decided(folder: &Folder, input: &str, options: &str, format: &str) -> [Vec<u8>; 2] {
    let keep = "--keep claim_amount,peril";
    let files = format!("-o out.{format} --rejects r.{format} --max-rejects 100%");
    folder.opus(&format!("batch insurance.opus {input} {files} {keep} {options}")).ends(0);
    [folder.bytes(&format!("out.{format}")), folder.bytes(&format!("r.{format}"))]
}

#[test]
fn every_engine_writes_the_same_bytes() {
    let folder = Folder::new("engines");
    dirty(&folder, 3000);
    for format in ["csv", "jsonl", "parquet", "arrow"] {
        let native = decided(&folder, "dirty.csv", "", format);
        for engine in ["native", "vm", "reference"] {
            assert!(
                decided(&folder, "dirty.csv", &format!("--engine {engine}"), format) == native,
                "{engine} {format}"
            );
        }
    }
    let faults = folder.text("r.csv");
    for code in
        ["out-of-range", "unknown-value", "malformed-row", "too-precise", "wrong-type", "require-failed"]
    {
        assert!(faults.contains(code), "no row has the fault {code}");
    }
}

#[test]
fn any_number_of_threads_writes_the_same_bytes() {
    let folder = Folder::new("threads");
    dirty(&folder, 400);
    // a chunk ends where its file does
    std::fs::create_dir(folder.path("in")).expect("a folder");
    (0..20).for_each(|index| folder.write(&format!("in/{index:02}.csv"), folder.bytes("dirty.csv")));
    for format in ["csv", "parquet"] {
        let one = decided(&folder, "in", "--threads 1", format);
        for threads in [2, 3, 7] {
            let several = decided(&folder, "in", &format!("--threads {threads}"), format);
            assert!(several == one, "{threads} {format}");
        }
    }
}

#[test]
fn engines_agree_on_one_decision_and_say_who_they_are() {
    let folder = Folder::new("one");
    for engine in ["native", "vm", "reference"] {
        let line = format!("run credit.opus --input application.json --engine {engine}");
        let told = folder.opus(&line).ends(0);
        assert_eq!(told.text(), folder.opus("run credit.opus --input application.json").ends(0).text());
        let json = folder.opus(&format!("{line} --format json")).ends(0);
        assert!(json.text().contains(&format!("\"engine\": \"{engine}\"")), "{json}");
    }
}

/// Linux can refuse a process all memory that is executable (`PR_SET_MDWE`), and so native code.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[test]
fn where_native_code_is_not_available_the_vm_decides_and_says_so() {
    let folder = Folder::new("fallback");
    let refused = |line: &str| {
        let script = "syscall(157, 65, 1, 0, 0, 0) == 0 or exit 77; exec @ARGV or exit 78";
        let mut perl = Command::new("perl");
        perl.args(["-e", script, OPUS]).args(line.split_whitespace());
        folder.at_home(&mut perl);
        perl.output().ok().map(|output| Ended::of(line, output)).filter(|ended| ended.code != 77)
    };
    let Some(ended) = refused("batch credit.opus good.csv -o vm.csv") else {
        println!("skipped: there is no perl, or a kernel that cannot refuse executable memory");
        return;
    };
    let sentence = "native code is not available (the system provides no executable memory";
    assert!(ended.err.contains(sentence) && ended.err.contains("the vm decides"), "{ended}");
    folder.opus("batch credit.opus good.csv -o native.csv").ends(0);
    assert_eq!(folder.text("vm.csv"), folder.text("native.csv"));
    for (line, words) in [
        ("run credit.opus --input application.json --format json", "\"engine\": \"vm\""),
        ("batch credit.opus good.csv -o vm.csv --format json", "\"engine\": \"vm\""),
        ("build credit.opus", "is not available here"),
        ("test credit.opus", "19 passed, 0 failed, on reference, ir, ir after passes, vm row, vm columns\n"),
    ] {
        let ended = refused(line).expect("it could be refused before").ends(0);
        assert!(ended.text().contains(words), "`{words}` is missing\n{ended}");
    }
}
