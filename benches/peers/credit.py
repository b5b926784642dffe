"""The credit policy by hand, for Polars and for DuckDB: any input to Parquet, with the output columns of `opus batch`.

Amounts are integers of cents and every comparison is exact, so that the answers can be compared row by row:
floating point would be wrong on some of the capped rows.
"""

import datetime

FLOOR_DATE = datetime.date(2025, 1, 1)

#: rule, decision, reason, in order of priority
RULES = [
    ("C1", "decline", "UNDER_AGE"),
    ("C2", "refer", "THIN_FILE"),
    ("C3", "decline", "RECENT_BANKRUPTCY"),
    ("C4", "decline", "SCORE_BELOW_FLOOR"),
    ("C5", "decline", "DTI_TOO_HIGH"),
    ("C6", "refer", "DELINQUENCIES"),
    ("C7", "refer", "SHORT_EMPLOYMENT"),
    ("C8", "approve", "WITHIN_CAP"),
    ("C9", "approve", "CAPPED"),
    ("C10", "decline", "CAP_TOO_LOW"),
]
DECISIONS = ["approve", "refer", "decline"]
REASONS = [reason for _, _, reason in RULES]


#: The columns of a text file, with the types that DuckDB gives them.
COLUMNS = {
    "application_id": "VARCHAR",
    "submitted_on": "DATE",
    "age": "BIGINT",
    "score": "BIGINT",
    "annual_income": "DECIMAL(9, 2)",
    "monthly_debt": "DECIMAL(9, 2)",
    "requested_amount": "DECIMAL(9, 2)",
    "term_months": "BIGINT",
    "employment": "VARCHAR",
    "months_employed": "BIGINT",
    "delinquencies_24m": "BIGINT",
    "months_since_bankruptcy": "BIGINT",
}


def scan_polars(kind, source):
    """The file as a lazy frame. JSON numbers can only be read as doubles, which are rounded to cents."""
    import polars as pl

    if kind == "parquet":
        return pl.scan_parquet(source)
    if kind == "arrow":
        return pl.scan_ipc(source)
    types = {"VARCHAR": pl.String, "DATE": pl.Date, "BIGINT": pl.Int64, "DECIMAL(9, 2)": pl.Decimal(9, 2)}
    if kind == "csv":
        return pl.scan_csv(source, schema={name: types[kind] for name, kind in COLUMNS.items()})
    types |= {"DATE": pl.String, "DECIMAL(9, 2)": pl.Float64}
    frame = pl.scan_ndjson(source, schema={name: types[kind] for name, kind in COLUMNS.items()})
    return frame.with_columns(pl.col("submitted_on").str.to_date("%Y-%m-%d"))


def scan_duckdb(kind, source, connection):
    """The file as a table expression. DuckDB reads Arrow through a memory map of pyarrow's."""
    if kind == "parquet":
        return f"read_parquet('{source}')"
    if kind == "arrow":
        import pyarrow

        connection.register("portfolio", pyarrow.ipc.open_file(pyarrow.memory_map(str(source))).read_all())
        return "portfolio"
    columns = "{" + ", ".join(f"'{name}': '{kind}'" for name, kind in COLUMNS.items()) + "}"
    if kind == "csv":
        return f"read_csv('{source}', header = true, columns = {columns})"
    return f"read_json('{source}', format = 'newline_delimited', columns = {columns})"


def polars(kind, source, target):
    """One lazy query; Polars decides how to run it."""
    import polars as pl

    def cents(name):
        value = pl.col(name) * 100
        return (value.round() if kind == "jsonl" else value).cast(pl.Int64)

    version = pl.when(pl.col("submitted_on") >= FLOOR_DATE).then(2).otherwise(1).cast(pl.Int32)
    floor = pl.when(pl.col("submitted_on") >= FLOOR_DATE).then(700).otherwise(680)
    income, debt, requested = cents("annual_income"), cents("monthly_debt"), cents("requested_amount")
    term = pl.col("term_months").cast(pl.Int64)
    share = pl.when(pl.col("score") >= 780).then(40).when(pl.col("score") >= 740).then(30).otherwise(20)
    scaled = income * share
    half = scaled % 100
    down = scaled // 100
    up = (half > 50) | ((half == 50) & (down % 2 == 1))
    cap = down + up.cast(pl.Int64)
    conditions = [
        pl.col("age") < 18,
        pl.col("score").is_null(),
        pl.col("months_since_bankruptcy").is_not_null() & (pl.col("months_since_bankruptcy") < 84),
        pl.col("score") < floor,
        (debt * term + requested) * 1200 > income * term * 43,
        pl.col("delinquencies_24m") > 2,
        (pl.col("months_employed") < 6) & (pl.col("employment").cast(pl.String) != "retired"),
        requested <= cap,
        cap >= 50_000,
    ]
    rule = pl.when(conditions[0]).then(pl.lit(0, pl.UInt8))
    for index, condition in enumerate(conditions[1:], 1):
        rule = rule.when(condition).then(pl.lit(index, pl.UInt8))
    rule = rule.otherwise(pl.lit(len(conditions), pl.UInt8))

    def named(values, categories):
        return pl.col("rule_index").replace_strict(range(len(RULES)), values, return_dtype=pl.Enum(categories))

    amount = pl.when(pl.col("rule_index") == 7).then(pl.col("requested")).when(pl.col("rule_index") == 8).then(pl.col("cap"))
    (
        scan_polars(kind, source)
        .select(
            rule.alias("rule_index"),
            version.alias("version"),
            requested.alias("requested"),
            cap.alias("cap"),
            "application_id",
        )
        .with_row_index("row", 1)
        .select(
            pl.col("row").cast(pl.Int64),
            named([decision for _, decision, _ in RULES], DECISIONS).alias("decision"),
            (amount.otherwise(0).cast(pl.Decimal(18, 2)) / 100).cast(pl.Decimal(7, 2)).alias("credit_amount"),
            named(REASONS, REASONS).alias("reason_code"),
            named([rule for rule, _, _ in RULES], [rule for rule, _, _ in RULES]).alias("rule"),
            "version",
            "application_id",
        )
        .sink_parquet(target, compression="snappy")
    )


def duckdb(kind, source, target, threads):
    """One query; order is kept."""
    import duckdb

    def choose(values, kind):
        cases = " ".join(f"WHEN {index} THEN '{value}'" for index, value in enumerate(values[:-1]))
        return f"CASE rule_index {cases} ELSE '{values[-1]}' END::{kind}"

    def enum(values):
        return "ENUM (" + ", ".join(f"'{value}'" for value in values) + ")"

    connection = duckdb.connect(config={"threads": threads})
    connection.execute("SET preserve_insertion_order = true")
    rules = [rule for rule, _, _ in RULES]
    table = scan_duckdb(kind, source, connection)
    connection.execute(
        f"""
        COPY (
          WITH fields AS (
            SELECT application_id, submitted_on, age, score, term_months::BIGINT AS term, employment, months_employed,
                   delinquencies_24m, months_since_bankruptcy,
                   (annual_income * 100)::BIGINT AS income, (monthly_debt * 100)::BIGINT AS debt,
                   (requested_amount * 100)::BIGINT AS requested
            FROM {table}
          ), shares AS (
            SELECT *, income * (CASE WHEN score >= 780 THEN 40 WHEN score >= 740 THEN 30 ELSE 20 END) AS scaled
            FROM fields
          ), caps AS (
            SELECT *, scaled // 100 + CASE WHEN scaled % 100 > 50 OR (scaled % 100 = 50 AND (scaled // 100) % 2 = 1)
                                           THEN 1 ELSE 0 END AS cap
            FROM shares
          ), decided AS (
            SELECT *, CASE
              WHEN age < 18 THEN 0
              WHEN score IS NULL THEN 1
              WHEN months_since_bankruptcy < 84 THEN 2
              WHEN score < CASE WHEN submitted_on >= DATE '{FLOOR_DATE}' THEN 700 ELSE 680 END THEN 3
              WHEN (debt * term + requested) * 1200 > income * term * 43 THEN 4
              WHEN delinquencies_24m > 2 THEN 5
              WHEN months_employed < 6 AND employment <> 'retired' THEN 6
              WHEN requested <= cap THEN 7
              WHEN cap >= 50000 THEN 8
              ELSE 9 END AS rule_index
            FROM caps
          )
          SELECT row_number() OVER () AS row,
                 {choose([decision for _, decision, _ in RULES], enum(DECISIONS))} AS decision,
                 ((CASE rule_index WHEN 7 THEN requested WHEN 8 THEN cap ELSE 0 END)::DECIMAL(18, 0) / 100)::DECIMAL(7, 2)
                   AS credit_amount,
                 {choose(REASONS, enum(REASONS))} AS reason_code,
                 {choose(rules, enum(rules))} AS rule,
                 CASE WHEN submitted_on >= DATE '{FLOOR_DATE}' THEN 2 ELSE 1 END AS version,
                 application_id
          FROM decided
        ) TO '{target}' (FORMAT parquet, COMPRESSION snappy)
        """
    )
    connection.close()
