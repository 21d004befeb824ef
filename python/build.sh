#!/usr/bin/env bash
# The wheel into target/wheels: puts the bundle and the tables beside the package, then runs maturin (which must be on PATH).
set -euo pipefail
cd "$(dirname "$0")"
data=python/xiaobao/_data
rm -rf "$data"
mkdir -p "$data/model" "$data/tables"
cp ../models/default/* "$data/model/"
# What a decision needs: no corpus, no samples.
cp ../data/*.toml ../data/*.csv ../data/*.txt "$data/tables/"
cp -r ../data/taxonomy ../data/clean ../data/templates "$data/tables/"
rm -f ../target/wheels/xiaobao-*.whl
maturin build --release --strip --out ../target/wheels "$@"
