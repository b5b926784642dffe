"""How long do attribution, coverage and a record take, compared with deciding the same file once?

    python3 benches/attribute.py [--rows N] [--threads N] [--engine native|vm] [--opus target/release/opus]

A portfolio is drawn from the profile of `examples/million.sh`, and ten edits are made to the credit policy. Each command is
timed as a whole process, three times, and the fastest counts. The targets of a million rows: attribution at most 10 times as
long as deciding once, coverage at most 3 times.
"""

import argparse
import json
import pathlib
import shutil
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
EDITS = [
    ("from 2023-01-01 = 680", "from 2023-01-01 = 700"),
    ("from 2025-01-01 = 700", "from 2025-01-01 = 725"),
    ("cite \"§ 5\" = 43%", "cite \"§ 5\" = 36%"),
    ("| 740..779 => 30% ;", "| 740..779 => 35% ;"),
    ("| 780..850 => 40% ;", "| 780..850 => 45% ;"),
    ("months_since_bankruptcy < 84", "months_since_bankruptcy < 96"),
    ("delinquencies_24m > 2", "delinquencies_24m > 1"),
    ("months_employed < 6 ", "months_employed < 12 "),
    ("when cap >= $500.00", "when cap >= $1_000.00"),
    (
        "    rule C2 \"Thin file\"",
        "    rule C11 \"Very old\" when age > 90 => refer, $0, THIN_FILE\n    rule C2 \"Thin file\"",
    ),
]


def fastest(command, afresh=None):
    seconds = []
    for _ in range(3):
        if afresh:
            shutil.rmtree(afresh, ignore_errors=True)
        started = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--threads", default="1")
    parser.add_argument("--engine", default="native")
    parser.add_argument("--opus", default=str(ROOT / "target/release/opus"))
    args = parser.parse_args()
    text = (ROOT / "spec/policies/credit.opus").read_text()
    text = text[: text.index("\n  case ")] + "\n}\n"
    changed = text
    for before, after in EDITS:
        assert changed.count(before) == 1, before
        changed = changed.replace(before, after)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        a, b, rows = folder / "a.opus", folder / "b.opus", folder / "rows.parquet"
        a.write_text(text)
        b.write_text(changed)
        sample = [args.opus, "sample", a, "-n", str(args.rows), "--seed", "1", "-o", rows]
        sample += ["--profile", ROOT / "spec/examples/portfolio.toml"]
        subprocess.run(sample, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        options = ["--threads", args.threads, "--engine", args.engine]
        once = fastest([args.opus, "batch", a, rows, "-o", folder / "out.parquet", *options])
        covered = fastest([args.opus, "coverage", a, rows, *options])
        record = folder / "record"
        recorded = fastest([args.opus, "batch", a, rows, "-o", folder / "out.parquet", "--record", record, *options], record)
        summary = folder / "summary.json"
        attribute = [args.opus, "attribute", a, b, rows, "-o", folder / "changed.parquet", "--summary", summary]
        both = fastest([*attribute, *options])
        found = json.loads(summary.read_text())
        edits = sum(edit["decides"] for edit in found["edits"])
        several = sum(g["rows"] for g in found["groups"] if len(g["causes"]) > 1 or len(g["causes"][0]) > 1)
        print(f"{found['rows']:,} rows, {edits} edits, {found['changed']:,} changed, {several:,} of them with several")
        print(f"causes or a cause of several edits; {found['hybrids']} sets compiled, {found['runs']:,} runs")
        print(f"batch {once:.3f} s, attribute {both:.3f} s, ratio {both / once:.1f}")
        print(f"coverage {covered:.3f} s, ratio {covered / once:.1f}; with a record {recorded:.3f} s, ratio {recorded / once:.1f}")


main()
