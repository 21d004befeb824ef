"""What the tests share: one loaded model, and the command to compare with."""

import os
from pathlib import Path

import pytest

import xiaobao

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def triage():
    return xiaobao.Triage.load()


@pytest.fixture(scope="session")
def command():
    path = Path(os.environ.get("XIAOBAO_BIN", ROOT / "target/release/xiaobao"))
    if not path.exists():
        pytest.skip(f"{path}: build it with `cargo build --release`, or name it with XIAOBAO_BIN")
    return path
