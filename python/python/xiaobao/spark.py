"""The same decisions on Spark 3.5 and 4: ``mapInArrow`` with one model a worker process, nothing collected at the driver.

>>> from xiaobao import spark as xb
>>> decided = xb.triage(spark.read.parquet("hdfs:///complaints/2026-03-01"), text="投诉内容", id="工单号")
>>> decided.write.parquet("hdfs:///decided/2026-03-01")
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Optional, Tuple, Union

from . import Triage, __version__
from .errors import ColumnError, Error, UsageError, VersionError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

__all__ = ["triage", "check_lineage", "counts", "repeats", "waves", "manifest", "check_manifest"]

Path = Union[str, "os.PathLike[str]"]

#: The models of this process by what they were loaded from: one, unless a job asks for several.
_LOADED: Dict[Tuple[Any, ...], Triage] = {}


def _loaded(arguments: Tuple[Any, ...], threads: int) -> Triage:
    key = (arguments, threads, os.getpid())
    if key not in _LOADED:
        _LOADED.clear()
        model, data, cascade, prior = arguments
        _LOADED[key] = Triage.load(model, data, cascade=cascade, prior=prior, threads=threads)
    return _LOADED[key]


def _lineage(loaded: Triage) -> Tuple[str, str, str]:
    return loaded.bundle, loaded.tables[:12], __version__


def triage(
    df: "DataFrame",
    *,
    text: Optional[str] = None,
    id: Optional[str] = None,
    channel: Optional[str] = None,
    received_at: Optional[str] = None,
    events: Optional[str] = None,
    complainant: Optional[str] = None,
    institution: Optional[str] = None,
    model: Optional[Path] = None,
    data: Optional[Path] = None,
    cascade: Optional[Path] = None,
    prior: Optional[Path] = None,
    max_record_bytes: Optional[int] = None,
    minhash: bool = False,
    threads: Optional[int] = None,
) -> "DataFrame":
    """Decides every row: a data frame with one row for each of ``df``, lazily.

    Columns as for :meth:`xiaobao.Triage.decide_batch`; rows that cannot be decided have a ``reject_code``. An id column is
    required, for rows of Spark have no numbers. ``model`` and the other folders must lie under the same names at the driver
    and on every node (``--archives site.tgz#site``, then ``model="site/model"``); left out, they are the wheel's own.

    Each worker process loads one model and decides with ``spark.task.cpus`` threads (or ``threads``). A worker that has
    another bundle, other tables or another version than the driver raises :class:`xiaobao.errors.VersionError`.
    """
    given = {
        "text": text, "id": id, "channel": channel, "received_at": received_at, "events": events,
        "complainant": complainant, "institution": institution,
    }
    columns = {role: column for role, column in given.items() if column is not None}
    folders = tuple(None if f is None else os.fspath(f) for f in (model, data, cascade, prior))
    if threads is None:
        threads = int(_conf(df, "spark.task.cpus", "1"))
    loaded = _loaded(folders, threads)
    empty = _empty(df)
    roles = loaded.roles(empty, **columns)
    if "id" not in roles:
        raise ColumnError("no column is known as the id: name it with id=… (rows of Spark have no numbers)", "id")
    options: Dict[str, Any] = {**columns, "max_record_bytes": max_record_bytes, "minhash": minhash}
    out = loaded.decide_batch(empty, **options).to_pyarrow().schema
    alone = loaded.decide_batch(empty.select([roles["text"]]), text=roles["text"], minhash=minhash)
    expected = _lineage(loaded)

    def decide(batches: Iterator[Any]) -> Iterator[Any]:
        here = _loaded(folders, threads)
        if _lineage(here) != expected:
            raise VersionError(f"this worker would decide by {_lineage(here)}, the job by {expected}: install one wheel everywhere")
        for batch in batches:
            yield from here.decide_batch(batch, **options).to_pyarrow().to_batches()

    return df.mapInArrow(decide, _schema(df, out, len(alone.columns)))


def _conf(df: "DataFrame", key: str, default: str) -> str:
    """A setting of the session; the application's own where it is not the session's."""
    found = df.sparkSession.conf.get(key, None)
    if found is None and hasattr(df.sparkSession, "sparkContext"):
        found = df.sparkSession.sparkContext.getConf().get(key)
    return found or default


def _empty(df: "DataFrame") -> Any:
    """No rows, with the Arrow types in which Spark hands the columns of ``df`` to a worker, as far as they are read."""
    import pyarrow

    kinds = {
        "string": pyarrow.string(), "varchar": pyarrow.string(), "char": pyarrow.string(), "binary": pyarrow.binary(),
        "date": pyarrow.date32(), "timestamp": pyarrow.timestamp("us", "UTC"), "timestamp_ntz": pyarrow.timestamp("us"),
        "tinyint": pyarrow.int8(), "smallint": pyarrow.int16(), "int": pyarrow.int32(), "bigint": pyarrow.int64(),
        "float": pyarrow.float32(), "double": pyarrow.float64(), "boolean": pyarrow.bool_(),
    }
    # Any other type is carried, or refused where it is to be read.
    other = pyarrow.struct([])
    fields = [(f.name, kinds.get(f.dataType.simpleString().split("(")[0], other)) for f in df.schema.fields]
    return pyarrow.schema(fields).empty_table()


def _schema(df: "DataFrame", out: Any, n_own: int) -> Any:
    """The declared schema: ours, then the carried columns with the types that they have in ``df``."""
    import pyarrow
    from pyspark.sql import types as T

    kinds = {
        pyarrow.string(): T.StringType(), pyarrow.float64(): T.DoubleType(), pyarrow.date32(): T.DateType(),
        pyarrow.timestamp("us"): T.TimestampNTZType(),
    }
    fields = [T.StructField(f.name, kinds.get(f.type, T.ArrayType(T.LongType()))) for f in list(out)[:n_own]]
    carried = iter(df.schema.fields)
    for name in out.names[n_own:]:
        # Carried columns keep their order; some were read and are missing here.
        source = next(f for f in carried if name in (f.name, "input." + f.name))
        fields.append(T.StructField(name, source.dataType))
    return T.StructType(fields)


def counts(decided: "DataFrame") -> Dict[str, int]:
    """``rows``, ``decided`` and ``rejected``, and the rejects by code; one aggregate, a few rows at the driver.

    Nothing is lost if ``rows`` is the count of the input: every row comes out, decided or rejected.
    """
    by_code = {row["reject_code"]: row["count"] for row in decided.groupBy("reject_code").count().collect()}
    n = by_code.pop(None, 0)
    rejected = sum(by_code.values())
    return {"rows": n + rejected, "decided": n, "rejected": rejected, **dict(sorted(by_code.items()))}


def check_lineage(decided: "DataFrame", bundle: Optional[str] = None) -> Tuple[str, str, str]:
    """Bundle, tables and version that decided all rows.

    :param bundle: with a cascade, ``Triage.bundle``: its rows name the tier that judged.
    :raises VersionError: rows of more than one are among them; :class:`~xiaobao.errors.Error` if there are no rows.
    """
    found = {tuple(row) for row in decided.select("bundle", "tables", "pipeline").distinct().limit(10).collect()}
    if not found:
        raise Error("no rows: nothing says what decided them")
    bundles, rest = {f[0] for f in found}, {f[1:] for f in found}
    if bundle is not None and bundles <= {bundle, *bundle.split("+")}:
        bundles = {bundle}
    if len(bundles) > 1 or len(rest) > 1:
        raise VersionError(f"rows of more than one version: {sorted(found)}")
    (one,), (tables_and_version,) = bundles, rest
    return (one, *tables_and_version)


#: Places of a minhash, bands of them, and places of a band: texts that share half of their runs meet in a band with
#: probability 0.64, those that share 0.8 with 0.9998.
_PLACES, _BANDS, _BAND = 64, 16, 4


def repeats(
    decided: "DataFrame",
    *,
    complainant: Optional[str] = None,
    window_days: int = 180,
    least_share: float = 0.5,
    most: int = 200,
) -> "DataFrame":
    """Complaints told again in nearly the same words: ``id``, ``earlier_id``, ``share``, ``days``; one row a retelling.

    Texts meet by bands of their minhash in a join, so ``decided`` must have been made with ``minhash=True``. The nightly run
    (``xiaobao triage --store``) finds more: it compares what one complainant told in other words too.

    :param complainant: a column; told again then means by the same person (or by nobody known, both times).
    :param window_days: longest time between the two, where both are dated.
    :param least_share: share of their runs of twelve letters that the texts have in common, 0 to 1.
    :param most: a band with more complaints is a form's own wording and left out.
    """
    from pyspark.sql import functions as F

    if "minhash" not in decided.columns:
        raise UsageError("repeats needs the column `minhash`: triage(df, minhash=True)")
    person = F.lit(None).cast("string") if complainant is None else F.upper(F.trim(F.col(f"`{complainant}`").cast("string")))
    told = decided.where("size(minhash) > 0").select(
        "id", F.col("received_at").alias("at"), person.alias("person"), "minhash"
    )
    bands = F.array(*[F.xxhash64(F.lit(b), F.slice("minhash", b * _BAND + 1, _BAND)) for b in range(_BANDS)])
    banded = told.withColumn("band", F.explode(bands))
    full = banded.groupBy("person", "band").count().where((F.col("count") > 1) & (F.col("count") <= most))
    met = banded.alias("b").join(
        full.select(F.col("person").alias("p"), F.col("band").alias("q")), F.expr("b.band = q and b.person <=> p"), "leftsemi"
    )
    earlier, later = met.alias("e"), met.alias("l")
    place = "struct(coalesce({0}.at, timestamp_ntz '1970-01-01 00:00:00'), {0}.id)"
    before = place.format("e") + " < " + place.format("l")
    pairs = earlier.join(later, F.expr(f"e.band = l.band and e.person <=> l.person and e.id <> l.id and {before}"))
    agree = f"aggregate(zip_with(e.minhash, l.minhash, (x, y) -> int(x = y)), 0, (n, one) -> n + one) / {_PLACES}D"
    found = pairs.select(
        F.col("l.id").alias("id"),
        F.col("e.id").alias("earlier_id"),
        F.expr(agree).alias("share"),
        F.expr("datediff(l.at, e.at)").alias("days"),
    )
    near = found.where((F.col("share") >= least_share) & (F.col("days").isNull() | (F.col("days") <= window_days)))
    # The likest earlier telling, the first by id of equals.
    best = F.expr("max_by(struct(earlier_id, share, days), struct(share, reverse(earlier_id)))")
    return near.groupBy("id").agg(best.alias("best")).select("id", "best.earlier_id", "best.share", "best.days")


def waves(
    decided: "DataFrame",
    *,
    complainant: str,
    by: Union[str, List[str]] = "type",
    history_days: int = 28,
    least_people: int = 8,
    deviations: float = 4.0,
) -> "DataFrame":
    """People by day and cell against the level of the days before: ``day``, the cell, ``people``, ``expected``, ``alarm``.

    The level is the mean of up to ``history_days`` days before, days without a complaint counted; an alarm needs
    ``least_people`` and ``deviations`` times the square root of the level above it (chosen, not measured), and a week of
    history. The nightly run (``xiaobao triage --store``) is finer: it knows weekdays and holidays, cuts down old bursts and
    bounds false alarms over all cells together.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    cells = [by] if isinstance(by, str) else list(by)
    dated = decided.where("reject_code is null and received_at is not null")
    people = dated.groupBy(F.to_date("received_at").alias("day"), *cells).agg(
        F.countDistinct(F.coalesce(F.col(f"`{complainant}`").cast("string"), F.col("id"))).alias("people")
    )
    number = people.withColumn("n", F.datediff("day", F.lit("1970-01-01")))
    first = number.agg(F.min("n").alias("first"))
    past = Window.partitionBy(*cells).orderBy("n").rangeBetween(-history_days, -1)
    days = F.least(F.lit(history_days), F.col("n") - F.col("first"))
    level = number.crossJoin(F.broadcast(first)).withColumn("days", days).withColumn("sum", F.sum("people").over(past))
    expected = F.when(F.col("days") > 0, F.coalesce(F.col("sum"), F.lit(0)) / F.col("days"))
    out = level.withColumn("expected", expected)
    limit = F.col("expected") + deviations * F.sqrt(F.greatest(F.col("expected"), F.lit(1.0)))
    alarm = (F.col("days") >= 7) & (F.col("people") >= least_people) & (F.col("people") > limit)
    return out.select("day", *cells, "people", "expected", F.coalesce(alarm, F.lit(False)).alias("alarm"))


def manifest(decided: "DataFrame") -> Dict[str, Any]:
    """What a job wrote, to be read back from its files: counts, lineage, and a root over the rows of each file.

    A row's leaf is the SHA-256 of its JSON, a file's root that of its sorted leaves, and the job's root that of
    the files' roots by name. Leaves are hashed where the rows lie; one row a file comes to the driver. Files are named
    without their folder, so that a copy has the same manifest.
    """
    from hashlib import sha256

    from pyspark.sql import functions as F

    row = F.to_json(F.struct(*[F.col(f"`{name}`") for name in sorted(decided.columns)]), {"timeZone": "UTC"})
    leaves = decided.select(
        F.element_at(F.split(F.input_file_name(), "/"), -1).alias("file"),
        F.sha2(row, 256).alias("leaf"),
        F.col("reject_code").isNotNull().cast("long").alias("rejected"),
        F.struct("bundle", "tables", "pipeline").alias("lineage"),
    )
    files = leaves.groupBy("file").agg(
        F.count("*").alias("rows"),
        F.sum("rejected").alias("rejected"),
        # Sorted: a file read in splits gives its rows in no order.
        F.sha2(F.concat_ws("", F.sort_array(F.collect_list("leaf"))), 256).alias("root"),
        F.collect_set("lineage").alias("lineage"),
    )
    found = sorted(files.collect(), key=lambda f: f["file"])
    lineage = {tuple(one) for f in found for one in f["lineage"]}
    return {
        "format": 1,
        "lineage": [dict(zip(("bundle", "tables", "pipeline"), one)) for one in sorted(lineage)],
        "rows": sum(f["rows"] for f in found),
        "rejected": sum(f["rejected"] for f in found),
        "files": [{"file": f["file"], "rows": f["rows"], "rejected": f["rejected"], "root": f["root"]} for f in found],
        "root": sha256("".join(f["root"] for f in found).encode()).hexdigest(),
    }


def check_manifest(decided: "DataFrame", expected: Dict[str, Any]) -> List[str]:
    """Names of the files that are missing, added, or whose rows are not those of the manifest; empty if all is well."""
    roots = [{f["file"]: (f["rows"], f["root"]) for f in m["files"]} for m in (manifest(decided), expected)]
    return sorted(name for name in {**roots[0], **roots[1]} if roots[0].get(name) != roots[1].get(name))
