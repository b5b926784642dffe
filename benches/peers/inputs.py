"""The same portfolio in the files that other tools write, with a column of unique ids."""

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc
import pyarrow.parquet as pq

#: The column that every tool copies to its output.
ID = "application_id"

#: Name, file, and whether DuckDB and Polars read it as Parquet, CSV, JSON lines or Arrow.
INPUTS = [
    ("pyarrow", "pyarrow.parquet", "parquet"),
    ("polars", "polars.parquet", "parquet"),
    ("duckdb snappy", "duckdb-snappy.parquet", "parquet"),
    ("duckdb zstd", "duckdb-zstd.parquet", "parquet"),
    ("arrow", "portfolio.arrow", "arrow"),
    ("csv", "portfolio.csv", "csv"),
    ("json lines", "portfolio.jsonl", "jsonl"),
]

ROW_GROUP_ROWS = 131_072


def write(sampled, folder):
    """Writes every input from the file that `opus sample` wrote: integers of 64 bits, plain texts, and an id."""
    table = pq.read_table(sampled)
    columns = {ID: ids(table.num_rows)}
    for name in table.column_names:
        column = table.column(name)
        if pa.types.is_integer(column.type):
            column = column.cast(pa.int64())
        elif pa.types.is_dictionary(column.type):
            column = column.cast(pa.string())
        columns[name] = column
    table = pa.table(columns)
    pq.write_table(table, folder / "pyarrow.parquet", row_group_size=ROW_GROUP_ROWS)
    pl.from_arrow(table).write_parquet(folder / "polars.parquet")
    with pyarrow.ipc.new_file(folder / "portfolio.arrow", table.schema) as file:
        file.write_table(table, max_chunksize=ROW_GROUP_ROWS)
    connection = duckdb.connect()
    connection.register("portfolio", table)
    for name, how in [
        ("duckdb-snappy.parquet", "FORMAT parquet, COMPRESSION snappy"),
        ("duckdb-zstd.parquet", "FORMAT parquet, COMPRESSION zstd"),
        ("portfolio.csv", "FORMAT csv, HEADER"),
        ("portfolio.jsonl", "FORMAT json"),
    ]:
        connection.execute(f"COPY (SELECT * FROM portfolio) TO '{folder / name}' ({how})")


def ids(rows):
    """Unique texts of 14 characters, in no order: the odd factor makes a permutation of the numbers below 2^32."""
    numbers = [(row * 2_654_435_761) % 2**32 for row in range(rows)]
    digits = pc.utf8_lpad(pc.cast(pa.array(numbers, pa.int64()), pa.string()), 10, "0")
    return pc.binary_join_element_wise("APP-", digits, "")
