"""How well proxies rank, as numbers, in words, as a table and as a figure."""

from __future__ import annotations

import random
import re
from dataclasses import replace

import numpy as np
import pytest
from make_records import STUDY, make_records
from scipy.stats import spearmanr

from nas.report.aims import read_aims
from nas.report.figures.proxies import MOST, proxies_figure
from nas.report.files import front_document
from nas.report.proxies import ranking_table, ranking_words, rankings
from nas.report.rank_correlation import rank_correlation, surely_stronger
from nas.report.sections import SECTIONS
from nas.report.trials import trials_table
from nas.store.record import Record

AIMS = read_aims(STUDY)


def with_scores(records, noise=0.001):
    """Records with a proxy that nearly knows the accuracy, one that knows nothing, one that has gaps."""
    rng = random.Random(0)
    return [
        replace(
            record,
            proxies={
                "good": record.values["accuracy"] + rng.gauss(0, noise),
                "luck": rng.random(),
                "gaps": None if record.trial % 3 == 0 else rng.random(),
            },
        )
        if "accuracy" in record.values
        else record
        for record in records
    ]


def test_the_correlation_is_spearmans_with_an_interval_around_it():
    rng = np.random.default_rng(1)
    x = rng.normal(size=80).round(1)  # with ties
    y = x + rng.normal(size=80)
    found = rank_correlation(x, y)
    assert found.n == 80
    assert found.value == pytest.approx(spearmanr(x, y).statistic)
    assert found.low < found.value < found.high
    assert 0.1 < found.high - found.low < 0.5
    assert found == rank_correlation(x, y)
    assert rank_correlation(x, [1.0] * 80) is None
    assert rank_correlation(x[:4], y[:4]) is None


def test_the_interval_holds_what_many_networks_would_tell():
    rng = np.random.default_rng(2)
    everything = rng.multivariate_normal([0, 0], [[1, 0.7], [0.7, 1]], size=20000)
    truth = rank_correlation(*everything[:2000].T).value
    inside = 0
    for _ in range(60):
        few = everything[rng.integers(0, 20000, 40)]
        found = rank_correlation(*few.T)
        inside += found.low <= truth <= found.high
    assert inside >= 50


def test_one_row_is_surely_stronger_only_where_it_is():
    rng = np.random.default_rng(3)
    y = rng.normal(size=60)
    close, far = y + 0.3 * rng.normal(size=60), y + 2 * rng.normal(size=60)
    assert surely_stronger(close, far, y)
    assert surely_stronger(-close, far, y)
    assert not surely_stronger(far, close, y)
    assert not surely_stronger(close, close, y)


def test_every_proxy_is_ranked_beside_params_and_macs():
    found = rankings(with_scores(make_records()), AIMS)
    by_name = {(each.proxy, each.objective): each for each in found}
    assert [each.proxy for each in found[::2]] == ["params", "macs", "good", "luck", "gaps"]
    good, luck = by_name["good", "accuracy"], by_name["luck", "accuracy"]
    assert good.found.value > 0.9
    assert good.beats
    assert not luck.beats
    assert abs(luck.found.value) < 0.5
    assert by_name["params", "accuracy"].beats is None
    assert by_name["gaps", "accuracy"].found.n < good.found.n
    words = ranking_words(found, AIMS)
    assert re.search(
        r"networks; good \([01]\.\d\d\) does better; luck \(.*\) and gaps \(.*\) are not shown to\.$", words
    )
    poor = [each for each in found if each.proxy != "good"]
    assert "; no proxy is shown to do better: luck (" in ranking_words(poor, AIMS)


def test_a_proxy_that_prefers_the_worse_is_said_to():
    records = [replace(record, proxies={"bad": -record.values.get("accuracy", 0)}) for record in make_records()]
    found = rankings(records, AIMS)
    assert ranking_words(found, AIMS).endswith(
        "; no proxy is shown to do better: bad (\N{MINUS SIGN}1.00, the wrong way round)."
    )


def test_a_study_without_proxies_has_params_and_macs():
    found = rankings(make_records(), AIMS)
    assert {each.proxy for each in found} == {"params", "macs"}
    assert ranking_words(found, AIMS).endswith("No zero-cost proxy was computed.")
    document = front_document(make_records(), STUDY)["proxies"]
    assert {row["beats_params"] for row in document} == {None}
    assert document[0]["n"] > 10


def test_a_cost_is_not_ranked_by_itself():
    aims = read_aims(STUDY | {"objectives": ["maximize accuracy", "minimize params"]})
    pairs = {(each.proxy, each.objective) for each in rankings(make_records(), aims)}
    assert ("params", "params") not in pairs
    assert ("macs", "params") in pairs


def test_too_few_networks_are_not_ranked():
    records = with_scores(make_records(trained=3, baselines=0, finalists=0))
    found = rankings(records, AIMS)
    done = sum(record.state == "complete" for record in records)
    assert {(each.found, each.to_json()["n"]) for each in found} == {(None, done)}
    assert SECTIONS["Proxies"](records, AIMS, {}) == ""
    assert "do not tell" in ranking_words(rankings(records, AIMS), AIMS)


def test_the_figure_has_a_panel_for_each_proxy_and_objective():
    records = with_scores(make_records())
    found = rankings(records, AIMS)
    figure = proxies_figure(records, AIMS, found)
    assert len(figure.data) == 5 * 2
    assert figure.layout.meta["summary"] == ranking_words(found, AIMS)
    good = figure.data[2]
    assert list(good.x) == sorted(good.x)
    assert spearmanr(good.x, good.y).statistic > 0.9
    assert "trial" in good.hovertext[0]
    data = {}
    made = SECTIONS["Proxies"](records, AIMS, data)
    assert "proxies-figure" in data
    assert made.count('<th scope="row">') == 5
    assert ranking_table(found, AIMS) in made


def test_the_table_of_trials_has_the_scores():
    records = with_scores(make_records())
    table = trials_table(records, STUDY)
    column = table["proxy.good"].to_pylist()
    assert [value for value in column if value is not None]
    assert column == [record.proxies.get("good") for record in records]


def test_of_many_networks_an_even_selection_is_drawn():
    records = [
        Record(number, "complete", values={"accuracy": number / 2000, "params": 2000.0 - number, "macs": 1.0})
        for number in range(1000)
    ]
    aims = read_aims({"objectives": ["maximize accuracy"]})
    found = rankings(records, aims)
    params, macs = found
    assert params.found.value == pytest.approx(-1)
    assert macs.found is None
    figure = proxies_figure(records, aims, found)
    assert all(len(trace.x) == MOST for trace in figure.data)
    assert figure.layout.meta["summary"].endswith(f"Drawn are {MOST} of them, evenly picked.")
