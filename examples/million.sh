#!/usr/bin/env bash
# Builds Opus, writes synthetic credit applications (a million, or as many as the argument says), decides them, and
# prints what became of them.
set -euo pipefail
cd "$(dirname "$0")/.."
rows=${1:-1000000}
target=${CARGO_TARGET_DIR:-target}
out=$target/million

cargo build --release --locked -p opus-cli
mkdir -p "$out"
"$target/release/opus" build spec/policies/credit.opus -o "$out/credit.opusc"
"$target/release/opus" sample "$out/credit.opusc" -n "$rows" --seed 1 -o "$out/applications.parquet"
"$target/release/opus" batch "$out/credit.opusc" "$out/applications.parquet" -o "$out/decisions.parquet" --rejects "$out/rejects.csv"
echo "decisions: $out/decisions.parquet"
