"""The engines of an earlier commit beside those of this one, in one run.

    python benches/before.py 0f1303b

Checks the commit out below `target/before`, gives it this commit's release profile and `src/bin/start.rs`, and
builds the programs of both. Then they take turns: what `opus-benches` prints of columns, rows and opening, where one
process opens the policy again and again; and `start`, where each opening is a fresh process's first. Opening lasts
until the first decision. For each figure the least of all rounds is printed, because other work on the machine only
adds to it, and its ratio to the earlier commit's: below 1 is faster.

`--profile own` builds the earlier commit as it was released. `--old` and `--new` name folders with programs that have
been built already.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
PROGRAMS = ["opus-benches", "start"]
PARTS = ["rows", "columns", "start"]
ENGINES = ["native", "vm"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("commit", nargs="?", default="0f1303b", help="the earlier commit")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of opus-benches")
    parser.add_argument("--starts", type=int, default=200, help="fresh processes for each engine")
    parser.add_argument("--profile", choices=["same", "own"], default="same", help="of the earlier commit")
    parser.add_argument("--old", type=pathlib.Path, help="the folder of the earlier commit's programs")
    parser.add_argument("--new", type=pathlib.Path, help="the folder of this commit's programs")
    parser.add_argument("--cpu", type=int, help="the processor that everything runs on (Linux)")
    options = parser.parse_args()
    old = options.old or build_old(options.commit, options.profile == "same")
    new = options.new or build(ROOT, ROOT / "target")
    if options.cpu is not None:
        os.sched_setaffinity(0, {options.cpu})
    figures = [{}, {}]
    for _ in range(options.rounds):
        # the earlier commit's program knows no parts: it prints everything in one go
        for own, folder, parts in zip(figures, [old, new], [[""], PARTS]):
            for part in parts:
                note(own, measured(folder, part))
    with tempfile.TemporaryDirectory() as scratch:
        folders = [pathlib.Path(scratch) / name for name in ["old", "new"]]
        for programs, folder in zip([old, new], folders):
            subprocess.run([programs / "start", folder], check=True)
        for _ in range(options.starts):
            for engine in ENGINES:
                for own, programs, folder in zip(figures, [old, new], folders):
                    note(own, {f"first opening, {engine} (µs)": start(programs, folder, engine)})
    print(f"{'least of all rounds':<46} {'before':>9} {'now':>9} {'ratio':>7}")
    for name, before in figures[0].items():
        if name in figures[1]:
            now = figures[1][name]
            print(f"{name:<46} {min(before):>9.2f} {min(now):>9.2f} {min(now) / min(before):>7.2f}")


def note(own, figures):
    for name, figure in figures.items():
        own.setdefault(name, []).append(figure)


def measured(folder, part):
    """What a part of opus-benches prints, by name."""
    printed = subprocess.run([folder / "opus-benches", part], check=True, capture_output=True, text=True).stdout
    figures, section, engine = {}, "", ""
    for line in printed.splitlines():
        heading = re.match(r"(decisions on columns|one decision|from open|a JSON request)", line)
        row = re.match(r"(\s*\S.*?)\s{2,}([\d.]+)(\s|$)", line)
        if heading:
            section = heading[1]
        elif row and section == "from open":
            figures[f"opening again, {row[1].strip()} (µs)"] = float(row[2])
        elif row and section in ["decisions on columns", "one decision"]:
            name = row[1].strip()
            # the line after an engine's is about the same engine
            engine = name if not row[1].startswith(" ") else engine
            name = name if name == engine else f"{name}, {engine.split(',')[0]}"
            figures[f"{name} (ns)"] = float(row[2])
    return figures


def start(programs, folder, engine):
    return float(subprocess.run([programs / "start", folder, engine], check=True, capture_output=True).stdout)


def build(root, target):
    names = [argument for name in PROGRAMS for argument in ["--bin", name]]
    command = ["cargo", "build", "--release", "-p", "opus-benches", *names]
    subprocess.run(command, check=True, cwd=root, env={**os.environ, "CARGO_TARGET_DIR": str(target)})
    return target / "release"


def build_old(commit, same_profile):
    tree = ROOT / "target" / "before" / commit
    if not tree.exists():
        subprocess.run(["git", "worktree", "add", "--detach", tree, commit], check=True, cwd=ROOT)
    (tree / "benches/src/bin").mkdir(exist_ok=True)
    shutil.copy(HERE / "src/bin/start.rs", tree / "benches/src/bin/start.rs")
    if same_profile:
        profile = "\n[profile.release]"
        before = (tree / "Cargo.toml").read_text().split(profile)[0]
        now = (ROOT / "Cargo.toml").read_text().split(profile)[1]
        (tree / "Cargo.toml").write_text(before + profile + now)
    return build(tree, ROOT / "target" / "before" / f"{commit}-built")


if __name__ == "__main__":
    main()
