"""Runs one tool again and again: reads `source TAB target` lines, answers with the seconds that each took."""

import sys
import time

import credit

name, threads = sys.argv[1], int(sys.argv[2])
if name == "polars":
    import polars  # noqa: F401  the import is not what is measured
else:
    import duckdb  # noqa: F401

for line in sys.stdin:
    source, target = line.rstrip("\n").split("\t")
    start = time.perf_counter()
    if name == "polars":
        credit.polars(source, target)
    else:
        credit.duckdb(source, target, threads)
    print(time.perf_counter() - start, flush=True)
