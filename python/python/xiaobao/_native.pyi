from os import PathLike
from typing import Any, Dict, List, Optional, Tuple, Union

Path = Union[str, "PathLike[str]"]

VERSION: str

class Decisions:
    """The decisions of a table: one row for each of its rows; anything that reads an Arrow stream takes it."""

    def __arrow_c_schema__(self) -> object: ...
    def __arrow_c_stream__(self, requested_schema: Optional[object] = None) -> object: ...
    def __len__(self) -> int: ...
    def to_pyarrow(self) -> Any:
        """As a ``pyarrow.Table``, without a copy."""
    def to_pandas(self) -> Any:
        """As a ``pandas.DataFrame``; needs pyarrow."""
    def to_polars(self) -> Any:
        """As a ``polars.DataFrame``."""
    @property
    def columns(self) -> List[str]: ...
    @property
    def decided(self) -> int: ...
    @property
    def rejected(self) -> int: ...
    @property
    def rejects(self) -> Dict[str, int]: ...

class Engine:
    def __init__(
        self, data: Path, model: Path, cascade: Optional[Path], prior: Optional[Path], threads: int
    ) -> None: ...
    @property
    def bundle(self) -> str: ...
    @property
    def tables(self) -> str: ...
    @property
    def threads(self) -> int: ...
    def taxonomy(self) -> str: ...
    def decide(self, cells: List[Tuple[str, str]]) -> str: ...
    def explain(self, cells: List[Tuple[str, str]]) -> str: ...
    def roles(self, table: object, columns: List[Tuple[str, str]]) -> Dict[str, str]: ...
    def decide_batch(
        self,
        table: object,
        columns: List[Tuple[str, str]],
        encoding: Optional[str],
        max_record_bytes: Optional[int],
        strict: bool,
        minhash: bool,
    ) -> Decisions: ...

def train(
    inputs: List[Path],
    out: Path,
    data: Path,
    heads: List[str],
    init: Optional[Path],
    members: Optional[int],
    epochs: Optional[int],
    seed: Optional[int],
    holdout: float,
    force: bool,
) -> Tuple[str, str]: ...
def evaluate(
    inputs: List[Path],
    model: Path,
    data: Path,
    heads: List[str],
    split: Optional[str],
    cascade: Optional[Path],
    prior: Optional[Path],
    report: Optional[Path],
    bad_cases: Optional[Path],
    force: bool,
) -> Tuple[str, str, int]: ...
