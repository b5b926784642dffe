"""What does it cost when facts change often? Deciding a file whose dates fall in all periods, compared with constant facts.

    python3 benches/periods.py [--rows N] [--opus target/release/opus]

One policy is the first of the book's chapter on snapshots: two of its parameters have the same number of periods, spread
over the dates of the file; with one period they are constants of the compiled code. The other is the worst case: twenty
parameters that never change on the same days, and rules that do nothing but compare a score with each of them. (With 100
periods each, some days coincide.) Snapshots take turns, each command is timed as a whole process on one thread, and the
least CPU time counts.
"""

import argparse
import datetime
import os
import pathlib
import re
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PERIODS = (1, 2, 5, 100)
RUNS = 11
FIRST, DAYS = datetime.date(2025, 1, 1), 700
#: The parameters of the worst case.
KEYS = 20


def facts(periods):
    lines = ["key,valid_from,value"]
    for index in range(periods):
        day = FIRST + datetime.timedelta(days=index * DAYS // periods)
        lines += [f"score_floor,{day},{650 + index % 60}", f"share,{day},{15 + index % 10}%"]
    return "\n".join([*lines, f'high_risk,{FIRST},"{{UK}}"']) + "\n"


def many_facts(periods):
    lines = ["key,valid_from,value"]
    for key in range(KEYS):
        for index in range(periods):
            later = index and index * DAYS // periods + key
            day = FIRST + datetime.timedelta(days=later)
            lines.append(f"floor_{key},{day},{300 + (7 * key + 13 * index) % 60}")
    return "\n".join(lines) + "\n"


def many_keys():
    keys = range(KEYS)
    return "\n".join(
        [
            "policy facts.many {",
            "  effective on submitted_on",
            "  version 1 from 2025-01-01",
            "  input { submitted_on : date in 2025-01-01..2026-12-31   score : int in 300..850 }",
            f"  output {{ tier : int in 0..{KEYS} }}",
            *(f"  param floor_{key} : int in 300..850 from snapshot" for key in keys),
            "  rules first {",
            *(f"    rule R{key} when score < floor_{key} => {key}" for key in keys),
            f"    otherwise R{KEYS} => {KEYS}",
            "  }",
            "}",
        ]
    )


def cpu(command):
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    assert status == 0, command
    return usage.ru_utime + usage.ru_stime


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=3_000_000)
    parser.add_argument("--opus", default=str(ROOT / "target/release/opus"))
    args = parser.parse_args()
    chapter = (ROOT / "spec/book/19-snapshots.md").read_text()
    loan = re.search(r"```opus\n(policy facts\.loan.*?)```", chapter, re.DOTALL)[1]
    print(f"{args.rows:,} rows, one thread, least CPU time of {RUNS} runs in turn")
    measure("two keys", loan, facts, args)
    measure(f"{KEYS} keys", many_keys(), many_facts, args)


def measure(name, text, facts, args):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        policy, rows = folder / "policy.opus", folder / "rows.parquet"
        policy.write_text(text)
        for periods in PERIODS:
            (folder / f"{periods}.csv").write_text(facts(periods))
            cpu([args.opus, "snapshot", "build", folder / f"{periods}.csv", "-o", folder / f"{periods}.opuss"])
        cpu([args.opus, "sample", policy, "-n", str(args.rows), "-o", rows, "--snapshot", folder / "1.opuss"])
        times = {periods: [] for periods in PERIODS}
        for run in range(RUNS + 1):
            for periods in PERIODS:
                snapshot = ["--snapshot", folder / f"{periods}.opuss"]
                seconds = cpu([args.opus, "batch", policy, rows, "-o", folder / "out.parquet", "--threads", "1", *snapshot])
                # the first run compiles
                times[periods] += [seconds] if run else []
        constant = min(times[1])
        for periods, seconds in times.items():
            more = (min(seconds) - constant) / args.rows * 1e9
            print(f"{name}, {periods:3} periods {min(seconds) * 1000:8.0f} ms {min(seconds) / constant:6.2f} {more:6.1f} ns more for each row")


if __name__ == "__main__":
    main()
