"""Spark: row for row the decisions of ``decide_batch``, and what does not shard by the engine's own means."""

import datetime
import os
import shutil
import sys

import pyarrow
import pyarrow.parquet
import pytest

pytest.importorskip("pyspark")
if not (shutil.which("java") or os.environ.get("JAVA_HOME")):
    pytest.skip("Spark needs Java 17", allow_module_level=True)

import xiaobao
from generate import rows, write
from xiaobao import spark as xb

N = 20_000


@pytest.fixture(scope="module")
def session():
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    # A zone that is not China's: wall-clock times must not move by it.
    builder = builder.config("spark.sql.session.timeZone", "America/New_York").config("spark.sql.shuffle.partitions", "4")
    session = builder.config("spark.log.level", "ERROR").getOrCreate()
    yield session
    session.stop()


@pytest.fixture(scope="module")
def decided(session, tmp_path_factory):
    """What Spark decides over a Parquet file of four row groups, written and read back."""
    dir = tmp_path_factory.mktemp("spark")
    write(N, dir / "in.parquet", group=N // 4)
    session.conf.set("spark.sql.files.maxPartitionBytes", "1m")
    read = session.read.parquet(str(dir / "in.parquet"))
    xb.triage(read, text="投诉内容", minhash=True).write.parquet(str(dir / "out"))
    return session.read.parquet(str(dir / "out"))


def test_the_decisions_are_those_of_the_wheel(triage, decided):
    expected = triage.decide_batch(pyarrow.Table.from_pylist(list(rows(N))), minhash=True).to_pyarrow()
    counts = xb.counts(decided)
    assert counts["rows"] == N and counts["rejected"] == sum(expected["reject_code"].is_valid().to_pylist()) > 100
    assert decided.columns == expected.column_names
    dir = decided.inputFiles()[0].removeprefix("file://").rsplit("/", 1)[0]
    found = pyarrow.parquet.read_table(dir)
    # Where the table has no id, the number of the row stands for it: another one in each batch.
    numbered = lambda table: {
        row["序号"]: row if not row["id"].startswith("row") else {**row, "id": None} for row in table.to_pylist()
    }
    ours, theirs = numbered(found), numbered(expected)
    assert len(ours) == len(theirs) == N
    for key, row in theirs.items():
        assert ours[key] == row, key


def test_one_job_has_one_lineage(session, triage, decided):
    assert xb.check_lineage(decided) == (triage.bundle, triage.tables[:12], xiaobao.__version__)
    mixed = decided.limit(5).union(decided.limit(5).withColumn("bundle", decided.type))
    with pytest.raises(xiaobao.errors.VersionError, match="more than one version"):
        xb.check_lineage(mixed)


def test_a_worker_of_another_version_refuses(session, decided, monkeypatch):
    read = session.createDataFrame([("1", "年费退了吗")], "id string, text string")
    monkeypatch.setattr(xiaobao.Triage, "bundle", "another")
    job = xb.triage(read)
    monkeypatch.undo()
    with pytest.raises(Exception, match="VersionError"):
        job.collect()


@pytest.mark.parametrize(
    "schema, row, arguments, error, words",
    [
        ("id string, words string", ("1", "a"), {}, "ColumnError", "no column is known as the complaint text"),
        ("id string, text int", ("1", 1), {}, "ColumnTypeError", "read as text: is Int32"),
        ("text string", ("a",), {}, "ColumnError", "no column is known as the id"),
        ("id string, text string", ("1", "a"), {"channel": "渠道"}, "ColumnError", "channel=`渠道`"),
    ],
)
def test_faults_are_told_before_the_job_runs(session, schema, row, arguments, error, words):
    with pytest.raises(getattr(xiaobao.errors, error), match=words):
        xb.triage(session.createDataFrame([row], schema), **arguments)


def test_types_of_spark_are_read_and_carried(session):
    at = datetime.datetime(2026, 3, 1, 23, 30)
    schema = "id bigint, text binary, received_at timestamp_ntz, type string, sums array<decimal(10,2)>"
    read = session.createDataFrame([(7, "年费退了吗".encode(), at, "x", [])], schema)
    (row,) = xb.triage(read).collect()
    assert (row["id"], row["received_at"], row["input.type"], row["sums"]) == ("7", at, "x", [])
    assert row["type"] and row["reject_code"] is None


def test_repeats_are_found_by_bands(session, triage):
    base = "我在城东支行办的信用卡，三月一日被扣了年费三百六十元，开卡的时候客户经理说终身免年费，我要求退还"
    given = [
        ("1", base, "2026-03-01", "甲"), ("2", base + "，请尽快", "2026-03-05", "甲"), ("3", base, "2026-03-06", "乙"),
        ("4", "催收公司天天给我的单位打电话，骂人，还威胁要上门，请你们立即停止", "2026-03-06", "甲"), ("5", base, "2027-03-06", "甲"),
    ]
    told = xb.triage(session.createDataFrame(given, "id string, text string, received_at string, `客户号` string"), minhash=True)
    found = {row["id"]: row for row in xb.repeats(told, complainant="客户号").collect()}
    assert set(found) == {"2"} and found["2"]["earlier_id"] == "1" and found["2"]["share"] > 0.8 and found["2"]["days"] == 4
    assert {row["id"] for row in xb.repeats(told).collect()} == {"2", "3"}
    with pytest.raises(xiaobao.errors.UsageError, match="minhash=True"):
        xb.repeats(told.drop("minhash"))


def test_waves_stand_above_the_days_before(session):
    given = [
        (f"{day}-{i}", "信用卡年费没退", f"2026-03-{day:02d}", f"{day}-{i}") for day in range(1, 21) for i in range(30 if day == 20 else 2)
    ]
    decided = xb.triage(session.createDataFrame(given, "id string, text string, received_at string, `客户号` string"))
    found = xb.waves(decided, complainant="客户号", by="type").collect()
    alarms = [(row["day"].day, row["people"], row["expected"]) for row in found if row["alarm"]]
    assert alarms == [(20, 30, 2.0)]


def test_a_manifest_finds_the_file_that_changed(session, decided, tmp_path):
    kept = xb.manifest(decided)
    assert kept["rows"] == N and len(kept["lineage"]) == 1 and len(kept["files"]) >= 2
    assert xb.check_manifest(decided, kept) == []
    dir = decided.inputFiles()[0].removeprefix("file://").rsplit("/", 1)[0]
    names = sorted(name for name in os.listdir(dir) if name.endswith(".parquet"))
    for name in names:
        table = pyarrow.parquet.read_table(f"{dir}/{name}")
        if name == names[0]:
            table = table.set_column(4, "type_name", pyarrow.array(["改过"] + table["type_name"].to_pylist()[1:]))
        pyarrow.parquet.write_table(table, tmp_path / name)
    changed = session.read.schema(decided.schema).parquet(str(tmp_path))
    assert xb.check_manifest(changed, kept) == [names[0]]
