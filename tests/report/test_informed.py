"""Whether a sampler used the scores of proxies, objective by objective: in numbers, in words, on the page."""

from __future__ import annotations

import dataclasses
from typing import Any

from make_records import STUDY, make_records
from test_proxy_rankings import with_scores

from nas.report.aims import read_aims
from nas.report.files import front_document
from nas.report.informed import informed
from nas.report.sections import SECTIONS
from nas.store.record import Record


def proposed(trial: int, **rest: Any) -> Record:
    told = {"accuracy": trial < 2, "latency_ms": False, "macs": True}
    return Record(trial, "complete", origin={"by": "surrogate", "drawn": 9, "independent": 0, "informed": told}, **rest)


def test_only_proposals_with_scores_at_hand_count() -> None:
    other = Record(5, "complete", origin={"by": "surrogate", "drawn": 9, "independent": 0})
    records = [proposed(2), proposed(0), other, proposed(1, gate="cost"), proposed(3, role="baseline")]
    found = informed(records)
    assert found is not None
    assert (found.sampler, found.proposals) == ("surrogate", 3)
    assert found.used == {"accuracy": 2, "latency_ms": 0, "macs": 3}
    assert found.last == {"accuracy": False, "latency_ms": False, "macs": True}
    assert found.words == (
        "of 3 proposals that sampler surrogate modelled with proxies' scores at hand, scores were learnt from, where "
        "they told better, for accuracy in 2 (not in the last one), latency in none and MACs in 3 (the last one among "
        "them)"
    )
    assert informed([other]) is informed([]) is None


def test_page_and_document_say_it() -> None:
    plain = with_scores(make_records())
    records = [dataclasses.replace(record, origin=proposed(record.trial).origin) for record in plain]
    aims = read_aims(STUDY)
    said = "modelled with proxies&#x27; scores at hand, scores were learnt from"
    assert said in SECTIONS["Proxies"](records, aims, {})
    assert said not in SECTIONS["Proxies"](plain, aims, {})
    found = front_document(records, STUDY)["learnt_from_proxies"]
    assert found["used"]["accuracy"] == 2
    assert found["words"] == informed(records).words
    assert front_document(plain, STUDY)["learnt_from_proxies"] is None
