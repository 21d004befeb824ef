"""消保: Chinese consumer complaints turned into decisions, over Arrow.

>>> import xiaobao
>>> t = xiaobao.Triage.load()
>>> t.decide("信用卡被盗刷八千元，请马上止付", received_at="2026-03-02").queue
'Q_FRAUD'

The decisions are those of the command ``xiaobao triage``, row for row. Nothing here opens a network connection, prints,
or reads the clock; texts that come back are masked.
"""

from __future__ import annotations

import os
from typing import Any, Dict, List, Optional, Tuple, Union

from . import errors
from ._decision import Decision, Explanation
from ._learn import Evaluation, Training, evaluate, train
from ._native import VERSION as __version__
from ._native import Decisions, Engine as _Engine
from ._paths import data_dir, model_dir
from .errors import Error, RejectedError

__all__ = [
    "Decision", "Decisions", "Error", "Evaluation", "Explanation", "RejectedError", "Training", "Triage",
    "data_dir", "errors", "evaluate", "model_dir", "train", "__version__",
]

Path = Union[str, "os.PathLike[str]"]


class Triage:
    """A model bundle and a folder of tables: all that a decision needs. Make one with :meth:`load`.

    One object serves all threads of a process. It can be pickled: what travels is the names of the folders, so that every
    process loads its own copy.
    """

    def __init__(self, engine: _Engine, arguments: Tuple[Any, ...]):
        self._engine = engine
        self._arguments = arguments

    @classmethod
    def load(
        cls,
        model: Optional[Path] = None,
        data: Optional[Path] = None,
        *,
        cascade: Optional[Path] = None,
        prior: Optional[Path] = None,
        threads: int = 0,
    ) -> "Triage":
        """Reads and checks a bundle and the tables.

        :param model: folder of the bundle; the wheel's own if left out.
        :param data: folder of the tables; the wheel's own if left out.
        :param cascade: an encoder bundle for what the fast model leaves below ``auto``.
        :param prior: a file with the class mix of the site.
        :param threads: threads of :meth:`decide_batch`; 0 for one a processor.
        :raises errors.BundleError: the bundle is damaged, of another version, or does not fit the tables.
        :raises errors.ConfigError: the tables are wrong; all faults are listed.
        """
        if threads < 0:
            raise errors.UsageError(f"threads={threads}: 0 or more")
        model = model_dir() if model is None else model
        data = data_dir() if data is None else data
        engine = _Engine(data, model, cascade, prior, threads)
        return cls(engine, (model, data, cascade, prior, threads))

    def __reduce__(self) -> Any:
        return (_load, self._arguments)

    def __repr__(self) -> str:
        return f"Triage(bundle={self.bundle!r}, tables={self.tables[:12]!r}, version={__version__!r})"

    @property
    def bundle(self) -> str:
        """Id of the bundle (and of the encoder behind it): names weights, labels and thresholds."""
        return self._engine.bundle

    @property
    def tables(self) -> str:
        """SHA-256 over the tables."""
        return self._engine.tables

    @property
    def threads(self) -> int:
        """Threads that :meth:`decide_batch` uses."""
        return self._engine.threads

    def decide(
        self,
        text: str,
        *,
        channel: Optional[str] = None,
        received_at: Any = None,
        events: Optional[str] = None,
        id: Optional[str] = None,
    ) -> Decision:
        """Decides one complaint.

        :param channel: a code or a Chinese name of the channel.
        :param received_at: a string, a ``date`` or a ``datetime`` (one without a zone is Chinese time).
        :param events: what happened since, e.g. ``"extended complex 2025-02-03"``.
        :raises RejectedError: the text is empty, or a date cannot be read.
        """
        return Decision.parse(self._engine.decide(_cells(text, channel, received_at, events, id)))

    def explain(
        self,
        text: str,
        *,
        channel: Optional[str] = None,
        received_at: Any = None,
        events: Optional[str] = None,
        id: Optional[str] = None,
    ) -> Explanation:
        """As :meth:`decide`, with the filled handling sheet, the words for and against, and what would have changed it.

        A notebook shows it with the words highlighted.
        """
        return Explanation.parse(self._engine.explain(_cells(text, channel, received_at, events, id)))

    def decide_batch(
        self,
        table: Any,
        *,
        text: Optional[str] = None,
        id: Optional[str] = None,
        channel: Optional[str] = None,
        received_at: Optional[str] = None,
        events: Optional[str] = None,
        complainant: Optional[str] = None,
        institution: Optional[str] = None,
        encoding: Optional[str] = None,
        max_record_bytes: Optional[int] = None,
        strict: bool = False,
        minhash: bool = False,
    ) -> Decisions:
        """Decides every row of a table: one row out for each row in, in order.

        :param table: anything with the Arrow PyCapsule interface: pyarrow, pandas, Polars, DuckDB, arro3, nanoarrow.
        :param text: the column of the complaint text, and so on for the others; left out, columns go by the names that
            ``columns.csv`` of the tables knows (投诉内容, 受理时间, 渠道 …). Columns that are not read come out untouched.
        :param encoding: of text columns that are bytes: ``utf-8`` or ``gb18030``.
        :param max_record_bytes: longest record; a longer one is rejected (1 MiB if left out).
        :param strict: raise at the first row that cannot be decided, instead of giving it a ``reject_code``.
        :param minhash: add a column ``minhash``: 64 numbers of which two masked texts have as large a share in common as of
            their runs of twelve letters.
        :raises errors.ColumnError: a column is missing or there twice.
        :raises errors.ColumnTypeError: a column's type cannot be read.
        """
        given = {
            "text": text, "id": id, "channel": channel, "received_at": received_at, "events": events,
            "complainant": complainant, "institution": institution,
        }
        columns = [(role, column) for role, column in given.items() if column is not None]
        return self._engine.decide_batch(_arrow(table), columns, encoding, max_record_bytes, strict, minhash)

    def roles(self, table: Any, **columns: str) -> Dict[str, str]:
        """Which column of a table plays which role; ``columns`` as for :meth:`decide_batch`. Reads no row."""
        return self._engine.roles(_arrow(table), list(columns.items()))

    def taxonomy(self) -> Dict[str, List[Dict[str, str]]]:
        """Codes and names of ``type``, ``reason``, ``urgency``, ``flags``, ``channels`` and ``queues``."""
        import json

        found: Dict[str, List[Dict[str, str]]] = json.loads(self._engine.taxonomy())
        return found


def _load(model: Path, data: Path, cascade: Optional[Path], prior: Optional[Path], threads: int) -> Triage:
    return Triage.load(model, data, cascade=cascade, prior=prior, threads=threads)


class _Stream:
    """An Arrow stream that was opened."""

    def __init__(self, capsule: object):
        self.capsule = capsule

    def __arrow_c_stream__(self, requested_schema: Optional[object] = None) -> object:
        return self.capsule


def _arrow(table: Any) -> Any:
    if not (hasattr(table, "__arrow_c_stream__") or hasattr(table, "__arrow_c_array__")):
        kind = f"{type(table).__module__}.{type(table).__qualname__}"
        raise errors.UsageError(
            f"{kind} has no Arrow PyCapsule interface: give a table of pyarrow, pandas (2.2 or later), Polars or DuckDB"
        )
    if not hasattr(table, "__arrow_c_stream__"):
        return table
    failed = ""
    try:
        return _Stream(table.__arrow_c_stream__())
    except Exception as e:
        # Its message may show a cell.
        failed = type(e).__name__
    raise errors.UsageError(f"the table cannot be turned into Arrow ({failed}): give each column one type")


def _cells(text: str, channel: Optional[str], received_at: Any, events: Optional[str], id: Optional[str]) -> Any:
    given = {"id": id, "text": text, "channel": channel, "received_at": received_at, "events": events}
    cells = []
    for role, cell in given.items():
        if cell is None:
            continue
        if role == "received_at" and hasattr(cell, "isoformat"):
            cell = cell.isoformat(timespec="seconds") if hasattr(cell, "hour") else cell.isoformat()
        if not isinstance(cell, str):
            raise errors.ColumnTypeError(f"{role}: is {type(cell).__name__}, should be a string", role)
        try:
            cell.encode("utf-8")
        except UnicodeEncodeError:
            # Its message would hold a part of the text.
            what = f"row 1, column {role}: holds half of a surrogate pair, which is no text [encoding.invalid]"
            raise errors.RejectedError(what, 1, role, "encoding.invalid") from None
        cells.append((role, cell))
    return cells
