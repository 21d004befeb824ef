#!/usr/bin/env bash
# Ours beside what people use today, on the same texts, one core each, one after the other.
# Installs its Python packages into target/peers; needs Python 3.11 and the release binary.
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --release
[ -x target/peers/bin/python ] || python3 -m venv target/peers
target/peers/bin/pip -q install scikit-learn==1.9.1 jieba==0.42.1 rjieba==0.2.2 fasttext-wheel==0.9.2 "numpy<3"
exec taskset -c 0 target/peers/bin/python benches/peers/peers.py "$@"
