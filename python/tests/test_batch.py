"""Tables: every library of the field, row for row the decisions of the command, and what is raised when they are wrong."""

import datetime
import json
import subprocess
import sys

import duckdb
import pandas
import polars
import pyarrow
import pyarrow.parquet
import pytest

import xiaobao
from conftest import ROOT
from generate import rows

N = 20_000
#: Columns that are the table's own beside those of the decisions file.
REJECT = ["reject_code", "reject_column", "reject_what"]
LINEAGE = ["tables", "pipeline"]


@pytest.fixture(scope="module")
def given():
    return list(rows(N))


@pytest.fixture(scope="module")
def table(given):
    return pyarrow.Table.from_pylist(given)


@pytest.fixture(scope="module")
def expected(given, command, tmp_path_factory):
    """What the command decides: its Parquet file, and its rejects by row."""
    dir = tmp_path_factory.mktemp("command")
    with open(dir / "in.jsonl", "w", encoding="utf-8") as file:
        for row in given:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    ran = subprocess.run(
        [command, "triage", dir / "in.jsonl", "--out", dir / "out", "--format", "parquet", "--progress", "none"],
        capture_output=True, cwd=ROOT,
    )
    assert ran.returncode == 1, ran.stderr.decode()
    decisions = pyarrow.parquet.read_table(dir / "out/decisions.parquet")
    rejects = [json.loads(line) for line in open(dir / "out/rejects.jsonl", encoding="utf-8")]
    assert decisions.num_rows + len(rejects) == N and len(rejects) > 100
    return decisions, {reject["row"]: reject for reject in rejects}


def as_given(found):
    """As pyarrow has it; the string views of Polars as strings, for which pyarrow knows filters."""
    found = pyarrow.table(found)
    plain = [f.with_type(pyarrow.string()) if f.type == pyarrow.string_view() else f for f in found.schema]
    return found.cast(pyarrow.schema(plain))


FORMS = {
    "pyarrow": lambda table: table,
    "pyarrow batch": lambda table: table.combine_chunks().to_batches()[0],
    "pyarrow reader": lambda table: pyarrow.RecordBatchReader.from_batches(table.schema, table.to_batches(1999)),
    "pandas": lambda table: table.to_pandas(),
    "polars": polars.from_arrow,
    "duckdb": lambda table: duckdb.connect().from_arrow(table),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_decisions_are_the_commands_row_for_row(triage, table, expected, form):
    decisions, rejects = expected
    found = as_given(triage.decide_batch(FORMS[form](table), text="投诉内容"))
    assert found.num_rows == N
    codes = found["reject_code"].to_pylist()
    assert {row for row, code in enumerate(codes, 1) if code} == set(rejects)
    for row, reject in rejects.items():
        own = {name: found[name][row - 1].as_py() for name in ["reject_code", "reject_column", "reject_what"]}
        # The filter speaks of a line, a table of a cell.
        assert (own["reject_code"], own["reject_column"]) == (reject["code"], reject.get("column")), row
    kept = found.filter(pyarrow.compute.is_null(found["reject_code"]))
    for name in decisions.column_names:
        if name == "carried":
            continue
        ours = kept[name]
        if pyarrow.types.is_timestamp(ours.type):
            ours = ours.cast(pyarrow.timestamp("ms"))
        assert ours.combine_chunks().equals(decisions[name].cast(ours.type).combine_chunks()), name
    carried = [json.loads(c) if c else {} for c in decisions["carried"].to_pylist()]
    for name in ["客户号", "机构", "金额", "序号"]:
        assert kept[name].to_pylist() == [members.get(name) for members in carried], name


def test_every_row_says_what_decided_it(triage, table):
    found = as_given(triage.decide_batch(table.slice(0, 500)))
    assert set(found["bundle"].to_pylist()) == {triage.bundle}
    assert set(found["tables"].to_pylist()) == {triage.tables[:12]}
    assert set(found["pipeline"].to_pylist()) == {xiaobao.__version__}


def test_threads_and_chunks_change_nothing(table):
    by_threads = [as_given(xiaobao.Triage.load(threads=n).decide_batch(table.slice(0, 3000))) for n in (1, 3)]
    assert by_threads[0].equals(by_threads[1])
    assert [len(c) for c in by_threads[0]["id"].chunks] == [len(c) for c in by_threads[1]["id"].chunks]


def test_a_forked_process_has_threads_of_its_own():
    program = """if True:
        import os, pyarrow, xiaobao
        t = xiaobao.Triage.load(threads=2)
        table = pyarrow.table({"text": ["年费退了吗"] * 600})
        t.decide_batch(table)
        child = os.fork()
        if child == 0:
            os._exit(0 if t.decide_batch(table).decided == 600 else 1)
        assert os.waitpid(child, 0)[1] == 0
    """
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_moments_are_read_like_those_of_a_file(triage):
    at = datetime.datetime(2026, 3, 1, 23, 30)
    zoned = at.replace(tzinfo=datetime.timezone.utc)
    columns = {
        "text": pyarrow.array(["年费退了吗"]),
        "received_at": pyarrow.array([at], pyarrow.timestamp("ns")),
    }
    wall = as_given(triage.decide_batch(pyarrow.table(columns)))
    assert wall["received_at"].to_pylist() == [at]
    columns["received_at"] = pyarrow.array([zoned], pyarrow.timestamp("us", tz="Asia/Shanghai"))
    instant = as_given(triage.decide_batch(pyarrow.table(columns)))
    assert instant["received_at"].to_pylist() == [datetime.datetime(2026, 3, 2, 7, 30)]
    columns["received_at"] = pyarrow.array([at.date()])
    assert as_given(triage.decide_batch(pyarrow.table(columns)))["received_at"].to_pylist() == [datetime.datetime(2026, 3, 1)]


def test_bad_rows_stand_in_their_places(triage):
    texts = pyarrow.array(["年费退了吗".encode(), None, b"", b"\xff\xfe\xfd", "信用卡被盗刷".encode()], pyarrow.binary())
    table = pyarrow.table({"编号": [1, 2, 3, None, 5], "text": texts, "备注": ["a", "b", "c", "d", "e"]})
    decided = triage.decide_batch(table)
    assert (len(decided), decided.decided, decided.rejected) == (5, 2, 3)
    assert decided.rejects == {"encoding.invalid": 1, "text.empty": 1, "text.missing": 1}
    found = as_given(decided)
    assert found["reject_code"].to_pylist() == [None, "text.missing", "text.empty", "encoding.invalid", None]
    assert found["id"].to_pylist() == ["1", "2", "3", "row4", "5"]
    assert found["备注"].to_pylist() == ["a", "b", "c", "d", "e"]
    assert found["type"].null_count == 3
    assert set(found["bundle"].to_pylist()) == {triage.bundle}


def test_a_string_that_is_no_utf8_costs_its_row_only(triage):
    # Spark and others hand on such strings as they are.
    raw = pyarrow.array([b"\xff\xfe\xfd", "信用卡被盗刷".encode()], pyarrow.binary())
    texts = pyarrow.Array.from_buffers(pyarrow.string(), 2, raw.buffers())
    found = as_given(triage.decide_batch(pyarrow.table({"text": texts})))
    assert found["reject_code"].to_pylist() == ["encoding.invalid", None]


def test_bytes_in_gb18030(triage):
    texts = pyarrow.array(["信用卡被盗刷".encode("gb18030")], pyarrow.large_binary())
    found = as_given(triage.decide_batch(pyarrow.table({"text": texts}), encoding="gbk"))
    assert found["masked_text"].to_pylist() == ["信用卡被盗刷"]
    with pytest.raises(xiaobao.errors.UsageError, match="encoding=`latin-9` is not known: use utf-8 or gb18030"):
        triage.decide_batch(pyarrow.table({"text": texts}), encoding="latin-9")


def test_a_text_of_a_megabyte(triage):
    text = "信用卡被盗刷。" * 50_000
    table = pyarrow.table({"text": [text, "年费退了吗"]})
    assert as_given(triage.decide_batch(table))["reject_code"].to_pylist() == ["record.too_long", None]
    found = triage.decide_batch(table, max_record_bytes=2 << 20)
    assert found.rejected == 0
    with pytest.raises(xiaobao.RejectedError, match="longer than 1048576 bytes") as caught:
        triage.decide_batch(table, strict=True)
    assert caught.value.row == 1 and "盗刷" not in str(caught.value)


def test_strict_names_row_and_column(triage):
    table = pyarrow.table({"text": ["年费退了吗"] * 700 + [None, ""], "received_at": ["2026-03-01"] * 699 + ["上周三"] + [None] * 2})
    with pytest.raises(xiaobao.RejectedError) as caught:
        triage.decide_batch(table, strict=True)
    assert (caught.value.row, caught.value.column, caught.value.code) == (700, "received_at", "received_at.invalid")


@pytest.mark.parametrize(
    "columns, arguments, error, words",
    [
        ({"说明": ["a"]}, {}, "ColumnError", "no column is known as the complaint text.*the table has 说明"),
        ({"text": ["a"]}, {"text": "内容"}, "ColumnError", "text=`内容`: the table has no such column; it has text"),
        ({"text": [1]}, {}, "ColumnTypeError", "column `text`, read as text: is Int64, should be a string"),
        ({"text": ["a"], "received_at": [1.5]}, {}, "ColumnTypeError", "column `received_at`.*should be a string, a date"),
        ({"text": ["a"], "channel": [[1]]}, {}, "ColumnTypeError", "column `channel`.*should be a string or a number"),
        ({"text": ["a"], "投诉内容": ["b"]}, {}, "ColumnError", "`text` and `投诉内容` can both be read as text"),
        ({"text": ["a"], "type": ["b"], "input.type": ["c"]}, {}, "ColumnError", "carries `input.type` twice"),
    ],
)
def test_tables_that_cannot_be_read(triage, columns, arguments, error, words):
    with pytest.raises(getattr(xiaobao.errors, error), match=words) as caught:
        triage.decide_batch(pyarrow.table(columns), **arguments)
    assert caught.value.column


def test_columns_of_one_name_and_things_that_are_no_table(triage):
    twice = pyarrow.Table.from_arrays([pyarrow.array(["a"]), pyarrow.array(["b"])], names=["text", "text"])
    with pytest.raises(xiaobao.errors.ColumnError, match="two columns are called `text`"):
        triage.decide_batch(twice)
    with pytest.raises(xiaobao.errors.UsageError, match="builtins.list has no Arrow PyCapsule interface"):
        triage.decide_batch([{"text": "a"}])


def test_what_other_libraries_say_is_not_passed_on(triage):
    mixed = pandas.DataFrame({"text": pandas.Series([5, "我的秘密投诉"], dtype=object)})
    with pytest.raises(xiaobao.errors.UsageError, match="cannot be turned into Arrow") as caught:
        triage.decide_batch(mixed)
    assert "秘密" not in str(caught.value) and caught.value.__context__ is None

    def batches():
        yield pyarrow.record_batch({"text": ["年费退了吗"]})
        raise ValueError("我的秘密投诉")

    reader = pyarrow.RecordBatchReader.from_batches(pyarrow.schema({"text": pyarrow.string()}), batches())
    with pytest.raises(xiaobao.errors.UsageError, match="cannot be read to its end") as caught:
        triage.decide_batch(reader)
    assert "秘密" not in str(caught.value)


def test_carried_columns_pass_untouched(triage):
    struct = pyarrow.array([{"a": 1}, {"a": None}])
    table = pyarrow.table({"text": ["年费退了吗", ""], "type": ["x", "y"], "客户号": [1, 2], "细目": struct})
    found = as_given(triage.decide_batch(table))
    assert found["input.type"].to_pylist() == ["x", "y"]
    assert found["细目"].combine_chunks().equals(struct) and found["客户号"].to_pylist() == [1, 2]


def test_empty_tables(triage):
    found = as_given(triage.decide_batch(pyarrow.table({"text": pyarrow.array([], pyarrow.string())})))
    assert found.num_rows == 0 and "masked_text" in found.column_names


def test_what_comes_out_goes_anywhere(triage, table):
    decided = triage.decide_batch(table.slice(0, 400))
    assert len(pandas.DataFrame.from_arrow(decided) if hasattr(pandas.DataFrame, "from_arrow") else decided.to_pandas()) == 400
    assert polars.DataFrame(decided).height == 400
    assert duckdb.sql("select count(*) from decided").fetchall() == [(400,)]
    assert decided.to_pandas()["id"].tolist() == decided.to_polars()["id"].to_list() == decided.to_pyarrow()["id"].to_pylist()


def test_nothing_is_printed_and_no_text_is_told(triage, table, capfd):
    triage.decide_batch(table.slice(0, 200))
    with pytest.raises(xiaobao.RejectedError):
        triage.decide_batch(table, strict=True)
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")
