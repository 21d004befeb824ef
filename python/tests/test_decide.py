"""One complaint: the object of the filter, its explanation, and the shape that a notebook gives it."""

import datetime
import json
import pickle
import subprocess
import sys
import threading

import pytest

import xiaobao
from conftest import ROOT

TEXT = "我妈72岁，昨天被人冒充客服骗走八万块，卡号6200 0000 0000 0000 000，再不处理我就打12378"


def test_the_object_is_the_line_of_the_filter(triage, command):
    found = triage.decide(TEXT, id="7", channel="电话", received_at="2026-03-02", events="extended complex 2026-03-10")
    given = {"id": "7", "text": TEXT, "channel": "电话", "received_at": "2026-03-02", "events": "extended complex 2026-03-10"}
    ran = subprocess.run(
        [command, "triage", "-"], input=json.dumps(given).encode(), capture_output=True, check=True, cwd=ROOT
    )
    assert found.json == ran.stdout.decode().strip()
    assert found.to_dict() == json.loads(ran.stdout)
    assert set(found.to_dict()) - set(found._fields) == set()
    assert (found.id, found.type, found.urgency, found.queue) == ("7", "BK05", "U2", "Q_FRAUD")
    assert "6200" not in found.json


def test_dates_may_be_strings_dates_or_moments(triage):
    day = triage.decide("年费退了吗", received_at=datetime.date(2026, 3, 2))
    assert day.due == triage.decide("年费退了吗", received_at="2026-03-02").due
    moment = datetime.datetime(2026, 3, 2, 14, 5)
    assert triage.decide("年费退了吗", received_at=moment).due == triage.decide("年费退了吗", received_at="2026-03-02 14:05").due
    zoned = datetime.datetime(2026, 3, 1, 20, 0, tzinfo=datetime.timezone.utc)
    assert triage.decide("年费退了吗", received_at=zoned).due["counted_from"] == "2026-03-02"


@pytest.mark.parametrize(
    "arguments, column, code",
    [
        ({"text": None}, "text", "text.missing"),
        ({"text": " "}, "text", "text.empty"),
        ({"text": "退款" * 300_000}, None, "record.too_long"),
        ({"text": "年费\ud800退了吗"}, "text", "encoding.invalid"),
        ({"text": "年费退了吗", "received_at": "上周三"}, "received_at", "received_at.invalid"),
        ({"text": "年费退了吗", "events": "extended 不知道"}, "events", "events.invalid"),
    ],
)
def test_a_complaint_that_cannot_be_decided_says_why(triage, arguments, column, code):
    with pytest.raises(xiaobao.RejectedError) as caught:
        triage.decide(**arguments)
    fault = caught.value
    assert (fault.row, fault.column, fault.code) == (1, column, code)
    assert "年费" not in str(fault) and "上周三" not in str(fault) and len(str(fault)) < 300
    assert pickle.loads(pickle.dumps(fault)).code == code


def test_a_text_that_is_none_is_a_wrong_type(triage):
    with pytest.raises(xiaobao.errors.ColumnTypeError, match="text: is int"):
        triage.decide(7)


def test_an_explanation_adds_up_and_marks_words(triage):
    why = triage.explain(TEXT, received_at="2026-03-02")
    assert why.decision.json == triage.decide(TEXT, received_at="2026-03-02").json
    assert [head["head"] for head in why.why] == ["type", "reason", "urgency"]
    assert "处理单" in why.sheet or "核实" in why.sheet
    raw = why.decision.masked_text.encode()
    for head in why.why:
        for word in head["words"]:
            assert raw[word["start"]:word["end"]].decode() == word["word"]
    html = why._repr_html_()
    assert '<mark class="xb-t"' in html and "为何是 BK05" in html
    marked = triage.decide("信用卡被盗刷八千元，金额a<b就不赔&没道理")._repr_html_()
    assert "<b" not in marked and "&lt;" in marked and "&amp;" in marked


def test_the_taxonomy_has_every_label(triage):
    taxonomy = triage.taxonomy()
    assert len(taxonomy["type"]) == 20 and len(taxonomy["reason"]) == 13
    assert {label["code"] for label in taxonomy["urgency"]} == {"U1", "U2", "U3", "U4"}
    assert triage.decide("年费退了吗").queue in {queue["code"] for queue in taxonomy["queues"]}


def test_it_travels_by_pickle_and_serves_all_threads(triage):
    other = pickle.loads(pickle.dumps(triage))
    assert (other.bundle, other.tables) == (triage.bundle, triage.tables)
    expected = triage.decide(TEXT).json
    found = []
    threads = [threading.Thread(target=lambda: found.append(other.decide(TEXT).json)) for _ in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert found == [expected] * 8


def test_a_site_may_bring_its_class_mix(triage, tmp_path):
    flag = triage.taxonomy()["flags"][0]["code"]
    (tmp_path / "prior.csv").write_text(f"head,label,share\nflags,{flag},0.2\n")
    other = xiaobao.Triage.load(prior=tmp_path / "prior.csv")
    assert other.bundle.startswith(triage.bundle + "+prior.") and other.decide(TEXT).bundle == other.bundle
    with pytest.raises(xiaobao.Error, match="prior.csv"):
        (tmp_path / "prior.csv").write_text("head,label,share\nflags,nonsense,0.2\n")
        xiaobao.Triage.load(prior=tmp_path / "prior.csv")


def test_importing_is_quick():
    program = "import time; at = time.perf_counter(); import xiaobao; print(time.perf_counter() - at)"
    runs = [subprocess.run([sys.executable, "-c", program], capture_output=True, check=True) for _ in range(5)]
    assert min(float(run.stdout) for run in runs) < 0.1


def test_bundles_and_tables_that_are_wrong(tmp_path):
    with pytest.raises(xiaobao.errors.BundleError) as caught:
        xiaobao.Triage.load(tmp_path)
    assert caught.value.path == str(tmp_path)
    model = tmp_path / "model"
    model.mkdir()
    for file in (ROOT / "models/default").iterdir():
        (model / file.name).write_bytes(file.read_bytes())
    weights = bytearray((model / "model.safetensors").read_bytes())
    weights[1000] ^= 1
    (model / "model.safetensors").write_bytes(weights)
    with pytest.raises(xiaobao.errors.BundleError, match="model.safetensors is not the file"):
        xiaobao.Triage.load(model)
    with pytest.raises(xiaobao.errors.UsageError, match="no folder `taxonomy`"):
        xiaobao.Triage.load(data=tmp_path)
    tables = tmp_path / "tables"
    subprocess.run(["cp", "-r", xiaobao.data_dir(), tables], check=True)
    (tables / "routing.csv").write_text("nonsense\n")
    (tables / "columns.csv").write_text("role,names\nsize,大小\n")
    with pytest.raises(xiaobao.errors.ConfigError) as caught:
        xiaobao.Triage.load(data=tables)
    named = "\n".join(caught.value.faults)
    assert "routing.csv" in named and "columns.csv:2" in named
    with pytest.raises(xiaobao.errors.UsageError):
        xiaobao.Triage.load(threads=-1)
