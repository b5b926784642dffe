#!/usr/bin/env bash
# Builds Opus, writes a portfolio of a million synthetic credit applications (or as many as the argument says), decides
# them and prints a summary.
set -euo pipefail
cd "$(dirname "$0")/.."
rows=${1:-1000000}
target=${CARGO_TARGET_DIR:-target}
out=$target/million
opus=$target/release/opus
policy=spec/policies/credit.opus

step() {
  printf '\n[%s/4] %s\n' "$1" "$2" >&2
}

step 1 "building Opus with cargo, which counts the crates: minutes the first time, seconds after that"
cargo build --release --locked -p opus-cli
mkdir -p "$out"
step 2 "compiling the policy: $policy"
"$opus" build "$policy" -o "$out/credit.opusc"
step 3 "writing $rows applications: $out/applications.parquet"
"$opus" sample "$out/credit.opusc" --profile spec/examples/portfolio.toml -n "$rows" --seed 1 -o "$out/applications.parquet"
step 4 "deciding them: $out/decisions.parquet"
"$opus" batch "$out/credit.opusc" "$out/applications.parquet" -o "$out/decisions.parquet" --rejects "$out/rejects.csv"
