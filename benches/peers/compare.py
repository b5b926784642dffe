"""A million applications, Parquet to Parquet: Opus beside Polars and DuckDB, in one run.

    python3 -m venv .venv && .venv/bin/pip install polars duckdb pyarrow
    cargo build --release -p opus-cli
    .venv/bin/python benches/peers/compare.py

First every answer of every tool is compared with every other's; a difference ends the run. Then the tools take
turns, so that a machine that drifts drifts for all. Polars and DuckDB are timed inside a process that has
already imported them; Opus is timed as a whole process, from start to exit. Medians and ratios are printed.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", "--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--opus", default=str(ROOT / "target" / "release" / "opus"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        source = folder / "credit.parquet"
        policy = ROOT / "spec" / "policies" / "credit.opus"
        subprocess.run([options.opus, "sample", policy, "-n", str(options.rows), "--seed", "1", "-o", source], check=True)
        for threads in options.threads:
            measure(options, folder, source, policy, threads)


def measure(options, folder, source, policy, threads):
    peers = {name: Peer(name, threads) for name in ("polars", "duckdb")}
    targets = {name: folder / f"{name}.parquet" for name in ("opus", *peers)}
    command = [options.opus, "batch", policy, source, "-o", targets["opus"], "--threads", str(threads)]
    command += ["--rejects", folder / "rejects.csv"]

    def opus():
        start = time.perf_counter()
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        return time.perf_counter() - start

    tools = {"opus": opus} | {name: lambda peer=peer, name=name: peer.run(source, targets[name]) for name, peer in peers.items()}
    for run in tools.values():
        run()
    agree(targets)
    seconds = {name: [] for name in tools}
    for _ in range(options.runs):
        for name, run in tools.items():
            seconds[name].append(run())
    print(f"\n{options.rows:,} rows, {threads} thread{'s' if threads > 1 else ''}, {options.runs} runs in turn")
    print(f"{'':8} {'min':>8} {'median':>8} {'max':>8}   ratio to opus (median of pairs)")
    for name, times in seconds.items():
        ratio = statistics.median(theirs / ours for theirs, ours in zip(times, seconds["opus"]))
        row = [min(times), statistics.median(times), max(times)]
        print(f"{name:8} " + " ".join(f"{value * 1000:6.0f}ms" for value in row) + f"   {ratio:.2f}")
    for peer in peers.values():
        peer.close()


def agree(targets):
    """Ends the run where two tools differ in a row, a column or a value."""
    import pyarrow as pa
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

    tables = {name: canonical(path) for name, path in targets.items()}
    ours = tables["opus"]
    for name, theirs in tables.items():
        if theirs.column_names != ours.column_names or theirs.num_rows != ours.num_rows:
            sys.exit(f"{name}: other columns or rows than opus: {theirs.schema} instead of {ours.schema}")
        for column in ours.column_names:
            if not theirs.column(column).equals(ours.column(column)):
                pairs = zip(ours.column(column).to_pylist(), theirs.column(column).to_pylist())
                row, (mine, other) = next((row, pair) for row, pair in enumerate(pairs, 1) if pair[0] != pair[1])
                sys.exit(f"{name}: row {row}: {column} is {other}, and {mine} by opus")
    print(f"all {ours.num_rows:,} rows agree in {', '.join(ours.column_names)}")


class Peer:
    """A process of its own in which a tool is imported once; it answers each request with its seconds."""

    def __init__(self, name, threads):
        environment = os.environ | {"POLARS_MAX_THREADS": str(threads)}
        command = [sys.executable, HERE / "peer.py", name, str(threads)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment)

    def run(self, source, target):
        self.process.stdin.write(f"{source}\t{target}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit("a peer has failed; its error stands above")
        return float(answer)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


if __name__ == "__main__":
    main()
