"""Runs one tool again and again: each line `format TAB source TAB target` is answered with wall and CPU seconds."""

import sys
import time

import credit

name, threads = sys.argv[1], int(sys.argv[2])
# imports are not measured
if name == "polars":
    import polars  # noqa: F401
else:
    import duckdb  # noqa: F401
    import pyarrow.ipc  # noqa: F401

for line in sys.stdin:
    kind, source, target = line.rstrip("\n").split("\t")
    wall, cpu = time.perf_counter(), time.process_time()
    if name == "polars":
        credit.polars(kind, source, target)
    else:
        credit.duckdb(kind, source, target, threads)
    print(time.perf_counter() - wall, time.process_time() - cpu, flush=True)
