"""Complaints made up from the corpus of the repository, the same for the same seed, with bad rows among them.

As a program: ``python generate.py N OUT.parquet [--good]`` writes a Parquet file in row groups.
"""

import csv
import itertools
import random
import re
import sys
from pathlib import Path

CORPUS = Path(__file__).resolve().parents[2] / "data" / "complaints"
CHANNELS = ["热线", "网点", "官网", "APP", "信访", "12378", "没见过的渠道", None]
DATES = ["2026-03-{:02d}", "2026-03-{:02d} 14:05", "2026年3月{}日", "2026/3/{}", "2026-03-{:02d}T08:00:00Z"]


def sentences():
    """Texts of the corpus, each as its sentences."""
    out = []
    for path in sorted(CORPUS.glob("[vw]*.csv"))[:24]:
        with open(path, encoding="utf-8-sig", newline="") as file:
            for row in csv.DictReader(file):
                out.append([s for s in re.split(r"(?<=[。！？\n])", row["text"]) if s])
    return out


def rows(n, seed=1, bad=True):
    """Rows with 工单号, 投诉内容, 渠道, 受理时间, 事件, 客户号, 机构, 金额 and 序号; about one in eighty is bad."""
    texts = sentences()
    chance = random.Random(seed)
    for i in range(n):
        parts = list(texts[chance.randrange(len(texts))])
        if chance.random() < 0.5:
            parts.insert(chance.randrange(len(parts) + 1), chance.choice(texts[chance.randrange(len(texts))]))
        text = "".join(parts) + f"涉及金额{chance.randrange(50, 90000)}元，工单{chance.randrange(10**9)}。"
        day = chance.randrange(1, 29)
        date = chance.choice(DATES).format(day) if chance.random() < 0.9 else None
        row = {
            "工单号": f"G{seed}-{i}" if chance.random() < 0.98 else None,
            "投诉内容": text,
            "渠道": chance.choice(CHANNELS),
            "受理时间": date,
            "事件": f"extended complex 2026-03-{min(day + 9, 30):02d}" if chance.random() < 0.05 else None,
            "客户号": f"K{chance.randrange(n)}" if chance.random() < 0.8 else None,
            "机构": chance.choice(["城东支行", "城西支行", "总行", None]),
            "金额": chance.randrange(100000),
            "序号": i,
        }
        if bad and chance.random() < 1 / 60:
            fault = chance.choice(["null", "empty", "blank", "date", "events", "long", "quotes"])
            if fault in ("null", "empty", "blank"):
                row["投诉内容"] = {"null": None, "empty": "", "blank": " \n\t"}[fault]
            elif fault == "date":
                row["受理时间"] = "上周三"
            elif fault == "events":
                row["事件"] = "extended 不知道"
            elif fault == "long" and i < 20_000 and i % 7 == 0:
                row["投诉内容"] = text * ((1 << 20) // len(text.encode()) + 1)
            else:
                row["投诉内容"] = '="' + text + '",\t\\N\r\n' + "🙂１３８００１３８０００"
        yield row


def write(n, path, seed=1, bad=True, group=20_000):
    """A Parquet file of such rows; strings all, but 金额 and 序号."""
    import pyarrow
    import pyarrow.parquet

    strings = ["工单号", "投诉内容", "渠道", "受理时间", "事件", "客户号", "机构"]
    schema = pyarrow.schema([(name, pyarrow.string()) for name in strings] + [("金额", pyarrow.int64()), ("序号", pyarrow.int64())])
    made = rows(n, seed, bad)
    with pyarrow.parquet.ParquetWriter(path, schema) as out:
        while batch := list(itertools.islice(made, group)):
            out.write_table(pyarrow.Table.from_pylist(batch, schema=schema))


if __name__ == "__main__":
    write(int(sys.argv[1]), sys.argv[2], bad="--good" not in sys.argv)
