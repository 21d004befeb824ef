"""``train`` and ``evaluate`` as the command does them, with what a notebook shows of them."""

from __future__ import annotations

import json
import os
from html import escape
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Union

from . import _native
from ._paths import data_dir, model_dir

Path = Union[str, "os.PathLike[str]"]


class Training(NamedTuple):
    """A bundle that was trained: where it lies, its id, and its manifest (rows, options, figures of the calibration)."""

    path: str
    bundle: str
    manifest: Dict[str, Any]

    def _repr_html_(self) -> str:
        heads = "".join(
            f"<tr><td>{escape(head)}</td><td>" + escape("，".join(f"{k} {v:.3f}" for k, v in figures.items())) + "</td></tr>"
            for head, figures in self.manifest["metrics"].items()
        )
        n = f"训练 {self.manifest['n_train']} 条，校准 {self.manifest['n_calibration']} 条"
        return f"<p><b>{escape(self.bundle)}</b> {escape(self.path)}：{n}</p><table>{heads}</table>"


class Evaluation(NamedTuple):
    """Figures of a bundle on labelled rows: ``text`` for a terminal, ``figures`` as the object of ``--json``."""

    text: str
    figures: Dict[str, Any]
    rejected: int

    def head(self, name: str) -> Dict[str, Any]:
        """The scorecard of ``type``, ``reason``, ``urgency`` or ``flags``."""
        cards: List[Dict[str, Any]] = self.figures["heads"]
        for card in cards:
            if card["head"] == name:
                return card
        raise KeyError(name)

    def __str__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return f"<pre>{escape(self.text)}</pre>"


def _paths(inputs: Union[Path, Sequence[Path]]) -> List[Path]:
    return [inputs] if isinstance(inputs, (str, os.PathLike)) else list(inputs)


def train(
    inputs: Union[Path, Sequence[Path]],
    out: Path,
    *,
    heads: Sequence[str] = (),
    data: Optional[Path] = None,
    init: Optional[Path] = None,
    members: Optional[int] = None,
    epochs: Optional[int] = None,
    seed: Optional[int] = None,
    holdout: float = 0.1,
    force: bool = False,
) -> Training:
    """Labelled files, or folders of them, to a bundle in ``out``: the bytes that ``xiaobao train`` writes.

    :param heads: label columns, ``"列"`` or ``"列=head"``; left out: type, reason, urgency and flags.
    :param init: a bundle to begin with.
    :param members: networks that are trained and folded into one; ``epochs`` and ``seed`` as for the command.
    :param holdout: share of the rows held out for calibration where the folder has no ``voices.toml``.
    :param force: replace a bundle that lies there.

    What was read, and rows that could not be, are told on standard error, as by the command.
    """
    data = data_dir() if data is None else data
    bundle, manifest = _native.train(
        _paths(inputs), out, data, list(heads), init, members, epochs, seed, holdout, force
    )
    return Training(os.fspath(out), bundle, json.loads(manifest))


def evaluate(
    inputs: Union[Path, Sequence[Path]],
    model: Optional[Path] = None,
    *,
    heads: Sequence[str] = (),
    split: Optional[str] = None,
    data: Optional[Path] = None,
    cascade: Optional[Path] = None,
    prior: Optional[Path] = None,
    report: Optional[Path] = None,
    bad_cases: Optional[Path] = None,
    force: bool = False,
) -> Evaluation:
    """Labelled files and a bundle to figures, each with its n: those of ``xiaobao evaluate``.

    :param split: only rows of ``train``, ``calibration`` or ``test``; needs ``voices.toml`` beside the files.
    :param report: write the page for people there; ``bad_cases``: the rows that went wrong, masked.
    """
    model = model_dir() if model is None else model
    data = data_dir() if data is None else data
    text, figures, rejected = _native.evaluate(
        _paths(inputs), model, data, list(heads), split, cascade, prior, report, bad_cases, force
    )
    return Evaluation(text, json.loads(figures), rejected)
