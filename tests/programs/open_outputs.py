"""Opens what `xiaobao triage` writes with the programs that people open it with, and checks the types.

python3 -m venv v && v/bin/pip install pandas pyarrow duckdb polars openpyxl
v/bin/python tests/programs/open_outputs.py target/release/xiaobao      (soffice, if it is installed, opens the lists too)
"""
import datetime
import pathlib
import shutil
import subprocess
import sys
import tempfile

import duckdb
import openpyxl
import pandas
import polars
import pyarrow.parquet

binary = sys.argv[1]
with tempfile.TemporaryDirectory() as folder:
    out = pathlib.Path(folder) / "out"
    subprocess.run(
        [binary, "triage", "data/samples/complaints.csv", "--out", out, "--quiet",
         "--format", "parquet", "--lists", "xlsx"],
        check=True,
    )
    file = out / "decisions.parquet"

    schema = pyarrow.parquet.read_schema(file)
    wanted = {"id": "string", "received_at": "timestamp[ms]", "type_prob": "double", "due_now": "date32[day]",
              "handle_by": "timestamp[ms]", "masked_text": "string"}
    for name, kind in wanted.items():
        found = str(schema.field(name).type)
        assert found == kind, f"pyarrow: {name} is {found}, not {kind}"
    table = pyarrow.parquet.read_table(file)
    print("pyarrow   ", pyarrow.__version__, table.num_rows, "rows")

    frame = pandas.read_parquet(file)
    assert frame["received_at"].dtype.kind == "M" and frame["type_prob"].dtype == float
    assert isinstance(frame["due_now"].iloc[0], datetime.date)
    print("pandas    ", pandas.__version__, len(frame), "rows")

    assert polars.read_parquet(file)["due_now"].dtype == polars.Date
    print("polars    ", polars.__version__)

    late = duckdb.sql(
        f"select type, count(*) n, min(due_now) first from '{file}' where due_now < date '2026-03-20' group by type"
    ).fetchall()
    assert late and isinstance(late[0][2], datetime.date)
    print("duckdb    ", duckdb.__version__, len(late), "types with a due date before 2026-03-20")

    rows = 0
    for path in sorted((out / "lists").glob("*.xlsx")):
        sheet = openpyxl.load_workbook(path).active
        header = [c.value for c in sheet[1]]
        assert sheet.freeze_panes == "B2" and sheet.auto_filter.ref, path
        row = dict(zip(header, [c.value for c in sheet[2]]))
        assert isinstance(row["法定到期日"], datetime.datetime), path
        assert isinstance(row["受理编号"], str), path
        rows += sheet.max_row - 1
    assert rows == len(frame), (rows, len(frame))
    print("openpyxl  ", openpyxl.__version__, rows, "rows in the lists")

    if shutil.which("soffice"):
        book = max((out / "lists").glob("*.xlsx"), key=lambda p: p.stat().st_size)
        subprocess.run(["soffice", "--headless", "--convert-to", "csv:Text - txt - csv (StarCalc):44,34,76",
                        "--outdir", folder, book], check=True, capture_output=True)
        text = (pathlib.Path(folder) / (book.stem + ".csv")).read_text(encoding="utf-8")
        assert "2026-03-" in text and "受理编号" in text
        version = subprocess.run(["soffice", "--version"], capture_output=True, text=True).stdout.split()
        print("libreoffice", version[1], len(text.splitlines()), "lines of", book.name)
    else:
        print("libreoffice is not here: not tried")
