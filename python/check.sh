#!/usr/bin/env bash
# A fresh environment, the wheel built and installed, its tests and the notebook run. Arguments: the folder of the
# environment (default target/python), then extras of pyproject.toml (default test,spark).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/.."
venv=${1:-target/python}
extras=${2:-test,spark}
# What the decisions are compared with.
[ -n "${XIAOBAO_BIN:-}" ] || cargo build --release
python3 -m venv "$venv"
venv=$(cd "$venv" && pwd)
export PATH="$venv/bin:$PATH"
pip install --quiet --disable-pip-version-check "maturin>=1.7,<2"
python/build.sh --quiet
wheel=$(ls target/wheels/xiaobao-*.whl)
pip install --quiet --disable-pip-version-check --upgrade "$wheel[$extras]"
pip install --quiet --disable-pip-version-check --force-reinstall --no-deps "$wheel"
# Away from the sources, so that the installed package is what is tested.
mkdir -p target/python-run
cd target/python-run
mypy --strict --ignore-missing-imports --cache-dir mypy "$here/python/xiaobao"
pytest -q "$here/tests" -p no:cacheprovider -W ignore::FutureWarning --durations=5
jupyter nbconvert --to notebook --execute "$here/notebook.ipynb" --output-dir . --output notebook.ipynb --log-level ERROR
echo "wheel $(basename "$wheel"): built, installed, tested; the notebook ran"
