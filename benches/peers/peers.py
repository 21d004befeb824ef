"""Raw lines in to labels out, segmentation included, on one core: documents and megabytes a second.

Ours does all that a night does (mask, four heads, evidence, rules, clock, routing, lists, sheets, proof); the others give one label.
"""
import csv
import glob
import os
import pathlib
import random
import re
import statistics
import subprocess
import tempfile
import time

os.environ["OMP_NUM_THREADS"] = "1"
import fasttext
import jieba
import rjieba
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

jieba.setLogLevel("ERROR")
ROUNDS = 3
random.seed(7)
rows = []
for path in sorted(glob.glob("data/complaints/*.csv")):
    with open(path, encoding="utf-8-sig", newline="") as file:
        rows += [(r["text"].replace("\n", " "), r["type"]) for r in csv.DictReader(file)]
clauses = [c.strip() for text, _ in rows for c in re.split("[，。\n？！]", text) if 3 <= len(c.strip()) <= 40]


def mix(n, low, high, turns):
    """Texts that never repeat, as in benches/throughput.rs."""
    texts = []
    for _ in range(n):
        wanted, text, length = random.randint(low, high), "", 0
        while length < wanted:
            if turns and random.random() < 0.25:
                text += random.choice([" 客户：", " 客服："])
            clause = random.choice(clauses)
            length += len(clause) + 1
            text += clause + random.choice("，，。")
        texts.append(text)
    return texts


def timed(run, texts):
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        run(texts)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def fast(folder, cut, **options):
    path = pathlib.Path(folder) / "train.txt"
    path.write_text("\n".join(f"__label__{label} {cut(text)}" for text, label in rows), encoding="utf-8")
    model = fasttext.train_supervised(str(path), thread=1, verbose=0, **options)
    # Below the wrapper's numpy, which some versions refuse.
    return lambda texts: [model.f.predict(cut(t) + "\n", 1, 0.0, "strict") for t in texts]


def ours(folder, n_before):
    binary = "target/release/xiaobao"

    def run(texts):
        path = pathlib.Path(folder) / "in.csv"
        with open(path, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["编号", "投诉内容", "受理时间"])
            writer.writerows([f"A{i}", t, "2026-03-02 10:00"] for i, t in enumerate(texts))
        start = time.perf_counter()
        subprocess.run([binary, "--threads", "1", "triage", path, "--out", pathlib.Path(folder) / "out",
                        "--force", "--quiet"], check=True)
        return time.perf_counter() - start

    def rate(texts):
        # What it costs to start stands in no figure of the others either.
        load = min(run(texts[:n_before]) for _ in range(ROUNDS))
        return statistics.median(run(texts) for _ in range(ROUNDS)) - load

    return rate


with tempfile.TemporaryDirectory() as folder:
    svc = make_pipeline(TfidfVectorizer(tokenizer=jieba.lcut, token_pattern=None, lowercase=False), LinearSVC())
    svc.fit([t for t, _ in rows[:4000]], [y for _, y in rows[:4000]])
    peers = [
        ("rjieba cut only (jieba-rs from Python)", lambda texts: [rjieba.cut(t) for t in texts]),
        ("scikit-learn, jieba words", svc.predict),
        ("fastText, rjieba words", fast(folder, lambda t: " ".join(rjieba.cut(t)), dim=50, wordNgrams=2, epoch=2)),
        ("fastText, characters, dim 16, 2-grams", fast(folder, lambda t: " ".join(t), dim=16, wordNgrams=2, epoch=2)),
    ]
    for title, texts in [("short forms", mix(40_000, 20, 60, False)), ("transcripts", mix(6_000, 400, 800, True))]:
        n_bytes = sum(len(t.encode()) for t in texts)
        print(f"\n{title}: {len(texts)} rows, {n_bytes / len(texts):.0f} bytes each, one core")
        for name, run in peers:
            # The slowest takes a tenth, at the same rate.
            some = texts[: len(texts) // 10] if "scikit" in name else texts
            seconds = timed(run, some) * len(texts) / len(some)
            print(f"  {name:<42} {len(texts) / seconds:>9.0f} docs/s {n_bytes / seconds / 1e6:>7.2f} MB/s")
        seconds = ours(folder, 10)(texts)
        print(f"  {'xiaobao triage, everything on':<42} {len(texts) / seconds:>9.0f} docs/s {n_bytes / seconds / 1e6:>7.2f} MB/s")
