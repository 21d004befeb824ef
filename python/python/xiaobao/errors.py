"""What can go wrong: every exception of the package. None of them holds complaint text."""

from __future__ import annotations

from typing import Any, List, Optional

__all__ = [
    "Error", "UsageError", "ConfigError", "BundleError", "FileError", "ColumnError", "ColumnTypeError",
    "RejectedError", "VersionError",
]


class Error(Exception):
    """Base of all; raised itself where a law of the pipeline was broken."""


class UsageError(Error, ValueError):
    """A parameter is wrong: an unknown encoding, a folder that holds no tables."""


class FileError(Error, OSError):
    """A file or folder cannot be read or written."""


class ConfigError(Error):
    """Tables, templates or rules are wrong; ``faults`` holds every one, as ``file:line: what: how to mend it``."""

    def __init__(self, message: str, faults: Optional[List[str]] = None):
        super().__init__(message)
        self.faults = faults or []


class BundleError(Error):
    """A model bundle is damaged, of another version, or does not fit the tables; ``path`` is its folder."""

    def __init__(self, message: str, path: str = ""):
        super().__init__(message)
        self.path = path


class ColumnError(UsageError):
    """A column is missing, or two of them claim one role; ``column`` names it."""

    def __init__(self, message: str, column: str = ""):
        super().__init__(message)
        self.column = column


class ColumnTypeError(ColumnError, TypeError):
    """A column has a type that its role cannot be read from; ``column`` names it."""


class RejectedError(Error):
    """A record cannot be decided: by ``decide``, or by ``decide_batch(strict=True)``.

    ``row`` counts from 1, ``column`` is the role of the cell at fault or ``None``, ``code`` is one of the stable codes of
    the command's ``rejects.jsonl``, ``remedy`` says in Chinese what to do.
    """

    def __init__(self, message: str, row: int = 1, column: Optional[str] = None, code: str = "", remedy: str = ""):
        super().__init__(message)
        self.row = row
        self.column = column
        self.code = code
        self.remedy = remedy

    def __reduce__(self) -> Any:
        return (type(self), (str(self), self.row, self.column, self.code, self.remedy))


class VersionError(Error):
    """Rows of one job were decided by more than one bundle, set of tables or version."""
