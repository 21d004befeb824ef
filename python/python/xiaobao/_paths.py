"""Where the bundle and the tables of the wheel lie."""

from __future__ import annotations

import os

from .errors import FileError

_DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_data")


def _folder(name: str) -> str:
    path = os.path.join(_DATA, name)
    if not os.path.isdir(path):
        raise FileError(f"{path}: is not there: build the wheel with python/build.sh, or name folders of your own")
    return path


def model_dir() -> str:
    """Folder of the bundle that the wheel brings."""
    return _folder("model")


def data_dir() -> str:
    """Folder of the tables that the wheel brings; copy it to edit it."""
    return _folder("tables")
