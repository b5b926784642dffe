"""A portfolio of a million applications, from the files that other tools write to Parquet: Opus beside Polars, DuckDB
and a hand-written Rust program on stock readers and writers, in one run.

    python3 -m venv .venv && .venv/bin/pip install polars duckdb pyarrow
    cargo build --release -p opus-cli
    cargo build --profile stock -p opus-benches --features by_hand
    .venv/bin/python benches/peers/compare.py

The portfolio is sampled by a profile, given a column of unique ids and written by pyarrow, Polars and DuckDB, and as
Arrow, CSV and JSON lines. Every tool copies the ids to its output. First every answer of every tool is compared with
every other's; a difference ends the run. Then the tools take turns, so that a machine that drifts drifts for all.
Polars and DuckDB are timed inside a process that has already imported them; Opus and the program by hand are timed as
whole processes, from start to exit. CPU time is user and system time of all threads.

Opus syncs its output to the disk before it names it; the others leave that to the system. So each output is synced when
the time of its tool is over, and the ratio of wall times is also printed with that: until the output is on the disk.

At the end Opus runs in turn on one thread, on two, and twice at once on one thread each. The last shows what the second
core of the machine adds where nothing is shared: two runs at once would take as long as one on two full cores.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import inputs

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
POLICY = ROOT / "spec" / "policies" / "credit.opus"
PROFILE = ROOT / "spec" / "examples" / "portfolio.toml"
PEERS = ("polars", "duckdb")

#: What Opus may take at most, of the better of Polars and DuckDB, and of the CPU time of the program by hand.
SHARE_OF_PEERS = 0.5
SHARE_OF_BY_HAND = 0.6
#: How much faster two threads must be than one.
SPEEDUP = 1.7


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", "--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--inputs", nargs="+", help="only these, such as pyarrow or csv")
    parser.add_argument("--folder", help="keeps the inputs here, and takes those that are here already")
    parser.add_argument("--opus", default=str(ROOT / "target" / "release" / "opus"))
    parser.add_argument("--by-hand", default=str(ROOT / "target" / "stock" / "by_hand"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(options.folder or scratch)
        prepare(options, folder)
        options.artifact = pathlib.Path(scratch) / "credit.opusc"
        subprocess.run([options.opus, "build", POLICY, "-o", options.artifact], check=True, stderr=subprocess.DEVNULL)
        for threads in options.threads:
            peers = {name: Peer(name, threads) for name in PEERS}
            print(f"\n{options.rows:,} rows, {threads} thread{'s' if threads > 1 else ''}, {options.runs} runs in turn")
            print(f"{'':14}" + "".join(f"{name:>18}" for name in ("opus", *PEERS, "by hand")) + "        opus to the better peer   to by hand")
            print(f"{'':14}" + f"{'wall      cpu ms':>18}" * 4 + f"{'wall     synced        cpu':>31}{'cpu':>13}")
            for name, file, kind in inputs.INPUTS:
                if not options.inputs or name in options.inputs:
                    measure(options, peers, name, kind, folder / file, pathlib.Path(scratch), threads)
            for peer in peers.values():
                peer.close()
        if options.threads == [1, 2]:
            print(f"\ntwo threads to one (wall, {options.runs} runs in turn; wanted {SPEEDUP})")
            print(f"{'':14}{'one':>8}{'two':>8}{'speed-up':>10}{'of two runs at once':>22}")
            for name, file, _ in inputs.INPUTS:
                if not options.inputs or name in options.inputs:
                    speed_up(options, name, folder / file, pathlib.Path(scratch))


def prepare(options, folder):
    if all((folder / file).exists() for _, file, _ in inputs.INPUTS):
        return
    folder.mkdir(parents=True, exist_ok=True)
    sampled = folder / "sampled.parquet"
    command = [options.opus, "sample", POLICY, "--profile", PROFILE, "-n", str(options.rows), "--seed", "1", "-o", sampled]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    inputs.write(sampled, folder)


def measure(options, peers, name, kind, source, scratch, threads):
    targets = {tool: scratch / f"{tool}.parquet" for tool in ("opus", *PEERS, "by hand")}
    opus = batch(options, source, targets["opus"], threads)
    by_hand = [options.by_hand, kind, source, targets["by hand"], str(threads)]
    tools = {"opus": lambda: process(opus)}
    tools |= {tool: lambda tool=tool, peer=peer: peer.run(kind, source, targets[tool]) for tool, peer in peers.items()}
    tools["by hand"] = lambda: process(by_hand)
    for run in tools.values():
        run()
    agree(name, targets)
    times = {tool: [] for tool in tools}
    for _ in range(options.runs):
        for tool, run in tools.items():
            times[tool].append((*run(), synced(targets[tool])))
    wall = {tool: statistics.median(wall for wall, _, _ in runs) for tool, runs in times.items()}
    cpu = {tool: statistics.median(cpu for _, cpu, _ in runs) for tool, runs in times.items()}
    lasting = {tool: statistics.median(wall + sync for wall, _, sync in runs) for tool, runs in times.items()}
    shares = [
        (wall["opus"] / min(wall[peer] for peer in PEERS), SHARE_OF_PEERS),
        (lasting["opus"] / min(lasting[peer] for peer in PEERS), SHARE_OF_PEERS),
        (cpu["opus"] / min(cpu[peer] for peer in PEERS), SHARE_OF_PEERS),
        (cpu["opus"] / cpu["by hand"], SHARE_OF_BY_HAND),
    ]
    cells = "".join(f"{wall[tool] * 1000:9.0f}{cpu[tool] * 1000:9.0f}" for tool in tools)
    marks = "".join(f"{share:10.2f}{'  ' if share <= most else ' !'}" for share, most in shares)
    print(f"{name:14}{cells}   {marks}", flush=True)


def batch(options, source, target, threads):
    command = [options.opus, "batch", options.artifact, source, "-o", target, "--threads", str(threads)]
    return [*command, "--keep", inputs.ID, "--rejects", target.with_suffix(".rejects.csv")]


def speed_up(options, name, source, scratch):
    """How much faster two threads are than one, and how much more two runs at once get done than one."""
    single, other = (batch(options, source, scratch / f"{side}.parquet", 1) for side in ("one", "other"))
    double = batch(options, source, scratch / "one.parquet", 2)
    times = [[process(single)[0], process(double)[0], process(single, other)[0]] for _ in range(options.runs)]
    one, two, at_once = map(statistics.median, zip(*times))
    print(f"{name:14}{one * 1000:8.0f}{two * 1000:8.0f}{one / two:10.2f}{2 * one / at_once:22.2f}", flush=True)


def process(*commands):
    """Wall and CPU seconds of whole processes that begin at the same time."""
    start = time.perf_counter()
    silent = {"stderr": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
    children = [subprocess.Popen(command, **silent) for command in commands]
    cpu = 0
    for command, child in zip(commands, children):
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            sys.exit(f"{' '.join(map(str, command))} failed")
        cpu += usage.ru_utime + usage.ru_stime
    return time.perf_counter() - start, cpu


def synced(path):
    """How many seconds it takes until a file is on the disk."""
    start = time.perf_counter()
    with open(path, "rb+") as file:
        os.fsync(file.fileno())
    return time.perf_counter() - start


def agree(name, targets):
    """Ends the run where two tools differ in a row, a column or a value."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    def canonical(path):
        table = pq.read_table(path)
        columns = {}
        for name in table.column_names:
            column = table.column(name)
            text = pa.types.is_dictionary(column.type) or pa.types.is_large_string(column.type)
            if text or pa.types.is_string_view(column.type):
                column = column.cast(pa.string())
            elif pa.types.is_decimal(column.type):
                column = column.cast(pa.decimal128(18, 2))
            elif pa.types.is_integer(column.type):
                column = column.cast(pa.int64())
            columns[name] = column.combine_chunks()
        return pa.table(columns)

    tables = {tool: canonical(path) for tool, path in targets.items()}
    ours = tables["opus"]
    if name == "json lines":
        # what Opus keeps of JSON is JSON: a text has its quotes
        place = ours.column_names.index(inputs.ID)
        ours = tables["opus"] = ours.set_column(place, inputs.ID, pc.utf8_trim(ours.column(inputs.ID), '"'))
    for tool, theirs in tables.items():
        if theirs.column_names != ours.column_names or theirs.num_rows != ours.num_rows:
            sys.exit(f"{tool} on {name}: other columns or rows than opus: {theirs.schema} instead of {ours.schema}")
        for column in ours.column_names:
            if not theirs.column(column).equals(ours.column(column)):
                pairs = zip(ours.column(column).to_pylist(), theirs.column(column).to_pylist())
                row, (mine, other) = next((row, pair) for row, pair in enumerate(pairs, 1) if pair[0] != pair[1])
                sys.exit(f"{tool} on {name}: row {row}: {column} is {other}, and {mine} by opus")


class Peer:
    """A process of its own in which a tool is imported once; it answers each request with wall and CPU seconds."""

    def __init__(self, name, threads):
        environment = os.environ | {"POLARS_MAX_THREADS": str(threads)}
        command = [sys.executable, HERE / "peer.py", name, str(threads)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment)

    def run(self, kind, source, target):
        self.process.stdin.write(f"{kind}\t{source}\t{target}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit("a peer has failed; its error is above")
        wall, cpu = answer.split()
        return float(wall), float(cpu)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


if __name__ == "__main__":
    main()
