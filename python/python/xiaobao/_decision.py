"""A decision as an object: the fields of the filter ``xiaobao triage -``, and its explanation for a notebook."""

from __future__ import annotations

import json
from html import escape
from typing import Any, Dict, List, NamedTuple, Optional, Tuple, TypedDict


class Label(TypedDict):
    """A label with its calibrated probability, 0 to 1."""

    code: str
    name: str
    prob: float


class Ranking(TypedDict):
    """The most probable labels of a head, and whether the first may be taken as it is."""

    band: str
    ranked: List[Label]


class Word(TypedDict):
    """A word of the masked text, its place in bytes, and how far it moved the logit, exactly."""

    word: str
    start: int
    end: int
    contribution: float


class Decision(NamedTuple):
    """What was decided about one complaint. Codes are those of :meth:`xiaobao.Triage.taxonomy`."""

    id: str
    type: str
    reason: str
    urgency: str
    band: str
    queue: str
    template: str
    masked_text: str
    labels: Dict[str, Any]
    evidence: Dict[str, Any]
    due: Optional[Dict[str, Any]]
    route: Dict[str, str]
    facts: Dict[str, Any]
    bundle: str
    #: With a cascade: which tier judged, ``fast`` or ``encoder``.
    model: Optional[str]
    source: Dict[str, Any]
    #: The line of the filter that this was read from.
    json: str

    @classmethod
    def parse(cls, line: str) -> "Decision":
        """From a line of the filter."""
        found = json.loads(line)
        return cls(**{name: found.get(name) for name in cls._fields[:-1]}, json=line)

    def to_dict(self) -> Dict[str, Any]:
        """The object of the filter."""
        found: Dict[str, Any] = json.loads(self.json)
        return found

    def name(self, head: str) -> str:
        """Chinese name of the first label of ``type``, ``reason`` or ``urgency`` (the model's own level)."""
        return str(self.labels[head]["ranked"][0]["name"])

    def _repr_html_(self) -> str:
        type_words: List[Word] = self.evidence["type_words"]
        level_words: List[Word] = self.evidence["urgency_words"]
        marks = [(w["start"], w["end"], "xb-t", w["contribution"]) for w in type_words]
        marks += [(w["start"], w["end"], "xb-u", w["contribution"]) for w in level_words]
        rows = [
            ("类型", f"{self.type} {self.name('type')} {self.labels['type']['ranked'][0]['prob']:.2f}"),
            ("原因", f"{self.reason} {self.name('reason')} {self.labels['reason']['ranked'][0]['prob']:.2f}"),
            ("等级", self.urgency + (f"（模型 {self.evidence['urgency_by_model']}）" if "raised_by" in self.evidence else "")),
            ("标志", "、".join(flag["name"] for flag in self.labels["flags"]) or "无"),
            ("队列", f"{self.route['queue_name']} · {self.route['why']}"),
            ("方式", self.band),
            ("法定到期", _due(self.due)),
            ("规则", "、".join(rule["name"] for rule in self.evidence["rules"]) or "无"),
        ]
        return _STYLE + f'<div class="xb"><p>{_marked(self.masked_text, marks)}</p>{_table(rows)}</div>'


class Explanation(NamedTuple):
    """A decision and why: the filled sheet, and for each head the words between its first and its second label.

    Each of ``why`` has ``head``, ``first``, ``second``, ``words`` (the largest first; a positive share speaks for the
    first label), ``rest`` (bias and signals), ``without`` (the fewest words without which it would be another; ``None`` if
    no few words decide) and ``instead``.
    """

    decision: Decision
    sheet: Optional[str]
    why: List[Dict[str, Any]]

    @classmethod
    def parse(cls, text: str) -> "Explanation":
        """From the pair of a decision and what stands beside it."""
        decision, end = json.JSONDecoder().raw_decode(text, 1)
        del decision
        beside = json.loads("[" + text[end + 1 :])[0]
        return cls(Decision.parse(text[1:end]), beside["sheet"], beside["why"])

    def _repr_html_(self) -> str:
        out = [self.decision._repr_html_(), '<div class="xb">']
        for head in self.why:
            words = head["words"]
            marks = [
                (w["start"], w["end"], "xb-t" if w["contribution"] > 0 else "xb-n", w["contribution"])
                for w in sorted(words, key=lambda w: -abs(w["contribution"]))[:12]
            ]
            title = _TITLES.get(head["head"], head["head"])
            first, second = head["first"], head["second"]
            out.append(f"<p><b>{title}</b> 为何是 {escape(first['code'])} {escape(first['name'])}")
            out.append(f" 而不是 {escape(second['code'])} {escape(second['name'])}")
            if head["without"]:
                without = "".join(f"“{escape(w)}”" for w in head["without"])
                out.append(f"；若无 {without} 则为 {escape(head['instead']['code'])} {escape(head['instead']['name'])}")
            out.append(f"</p><p>{_marked(self.decision.masked_text, marks)}</p>")
        if self.sheet:
            out.append(f"<details><summary>处理单</summary><pre>{escape(self.sheet)}</pre></details>")
        return "".join(out) + "</div>"


_TITLES = {"type": "类型", "reason": "原因", "urgency": "等级（模型）"}
_STYLE = (
    "<style>.xb{font-size:14px;line-height:1.7}.xb td{padding:1px 10px 1px 0;text-align:left}"
    ".xb mark{padding:0 1px;border-radius:2px;color:inherit}.xb .xb-t{background:#bfe3ff}.xb .xb-u{background:#ffd0c4}"
    ".xb .xb-n{background:#e4e4e4}.xb pre{white-space:pre-wrap}</style>"
)


def _due(due: Optional[Dict[str, Any]]) -> str:
    if due is None:
        return "未提供受理时间"
    in_force = due.get("in_force")
    return f"{in_force.get('by') or '暂停中'} {in_force.get('label', '')}" if in_force else str(due.get("status", ""))


def _table(rows: List[Tuple[str, str]]) -> str:
    cells = "".join(f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>" for name, value in rows)
    return f"<table>{cells}</table>"


def _marked(text: str, marks: List[Tuple[int, int, str, float]]) -> str:
    """The text with the words between byte offsets marked; of overlapping marks the first holds."""
    raw = text.encode()
    out: List[str] = []
    at = 0
    for start, end, style, share in sorted(marks, key=lambda m: m[0]):
        if start < at:
            continue
        out.append(escape(raw[at:start].decode()))
        out.append(f'<mark class="{style}" title="{share:+.2f}">{escape(raw[start:end].decode())}</mark>')
        at = end
    out.append(escape(raw[at:].decode()))
    return "".join(out).replace("\n", "<br>")
