"""``decide_batch`` beside the command on the same rows: ``python speed.py N [THREADS] [RUNS]``; seconds, and peak memory."""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow.parquet

import xiaobao
from generate import write

ROOT = Path(__file__).resolve().parents[2]


def command(path, threads, out):
    """Wall seconds of ``triage`` into Parquet, and its peak memory in MB."""
    name = os.environ.get("XIAOBAO_BIN", ROOT / "target/release/xiaobao")
    at = time.perf_counter()
    subprocess.run(
        [name, "triage", path, "--out", out, "--format", "parquet", "--progress", "none", "--threads", str(threads)],
        cwd=ROOT, capture_output=True,
    )
    return time.perf_counter() - at, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def filter_(path, threads):
    """Wall seconds of ``triage -`` over JSON Lines."""
    name = os.environ.get("XIAOBAO_BIN", ROOT / "target/release/xiaobao")
    at = time.perf_counter()
    with open(path, "rb") as rows, open(os.devnull, "wb") as null:
        subprocess.run([name, "triage", "-", "--threads", str(threads)], stdin=rows, stdout=null, stderr=null, cwd=ROOT)
    return time.perf_counter() - at


def main():
    n, threads, runs = (int(a) for a in (sys.argv[1:] + ["2", "3"][len(sys.argv) - 2:])[:3])
    with tempfile.TemporaryDirectory() as dir:
        path = Path(dir) / "in.parquet"
        write(n, path)
        table = pyarrow.parquet.read_table(path)
        with open(Path(dir) / "in.jsonl", "w", encoding="utf-8") as file:
            for batch in table.to_batches():
                for row in batch.to_pylist():
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")
        triage = xiaobao.Triage.load(threads=threads)
        loaded = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        for run in range(runs):
            at = time.perf_counter()
            decided = triage.decide_batch(table)
            ours = time.perf_counter() - at
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            theirs, memory = command(path, threads, Path(dir) / f"out{run}")
            filtered = filter_(Path(dir) / "in.jsonl", threads)
            print(
                f"{decided}: decide_batch {ours:.2f} s, {n / ours:,.0f} rows/s, peak {peak:.0f} MB (table and model {loaded:.0f}); "
                f"triage {theirs:.2f} s, {n / theirs:,.0f} rows/s, peak {memory:.0f} MB; triage - {filtered:.2f} s; threads {threads}"
            )


if __name__ == "__main__":
    main()
