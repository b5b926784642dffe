"""What does it cost when facts change often? Deciding a file whose dates fall in all periods, compared with constant facts.

    python3 benches/periods.py [--rows N] [--opus target/release/opus]

The policy is the first of the book's chapter on snapshots. Two of its parameters have the same number of periods, spread
over the dates of the file; with one period they are constants of the compiled code. Snapshots take turns, each command is
timed as a whole process on one thread, and the least CPU time counts.
"""

import argparse
import datetime
import os
import pathlib
import re
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PERIODS = (1, 2, 10, 100, 700)
RUNS = 11
FIRST, DAYS = datetime.date(2025, 1, 1), 725


def facts(periods):
    days = [FIRST + datetime.timedelta(days=index * DAYS // periods) for index in range(periods)]
    lines = ["key,valid_from,value"]
    for index, day in enumerate(days):
        lines += [f"score_floor,{day},{650 + index % 60}", f"share,{day},{15 + index % 10}%"]
    return "\n".join([*lines, f'high_risk,{FIRST},"{{UK}}"']) + "\n"


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
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        policy, rows = folder / "loan.opus", folder / "rows.parquet"
        policy.write_text(re.search(r"```opus\n(policy facts\.loan.*?)```", chapter, re.DOTALL)[1])
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
        print(f"{args.rows:,} rows, one thread, least CPU time of {RUNS} runs in turn")
        for periods, seconds in times.items():
            print(f"{periods:5} periods {min(seconds) * 1000:8.0f} ms {min(seconds) / constant:8.2f}")


if __name__ == "__main__":
    main()
