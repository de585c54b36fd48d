"""The report as one page: what it says is what the fit says."""

from __future__ import annotations

import json
import pickle
import re
from pathlib import Path

import numpy as np
import pytest

import mixtura as mx
from mixtura.errors import ParameterError
from mixtura.report.page import report_page
from mixtura.report.page.charts import telling_columns
from mixtura.report.page.rows import look
from mixtura.sources import as_source


@pytest.fixture(scope="module")
def fit(rows, columns):
    return mx.fit(rows("faithful"), 3, ["EEE", "VVV"], columns=columns("faithful"))


@pytest.fixture(scope="module")
def page(fit) -> str:
    return report_page(fit, fit.source)


def specs(page: str) -> dict:
    return json.loads(re.search(r'id="specs">(.*?)</script>', page, re.DOTALL)[1])


def values_of(chart: dict, part: dict | None = None) -> list[dict]:
    """The rows of a chart, or of a layer of it, wherever Altair put them."""
    data = (part or chart).get("data") or chart["data"]
    return data["values"] if "values" in data else chart["datasets"][data["name"]]


def test_it_is_one_file_that_loads_nothing(page) -> None:
    assert len(page.encode()) < 3_000_000
    markup = re.sub(r"(<script[^>]*>).*?</script>", r"\1", page, flags=re.DOTALL)
    assert not re.search(r"""<(?:script|link|img)[^>]+(?:src|href)=["'](?!#|data:)""", markup)


def test_the_answer_stands_first(fit, page) -> None:
    assert f'<h1 id="answer">{fit.summary().splitlines()[0]}</h1>' in page


def test_each_component_has_a_card_with_the_fits_numbers(fit, page) -> None:
    cards = re.findall(r'<article class="card".*?</article>', page, re.DOTALL)
    assert len(cards) == 3
    for k, card in enumerate(cards):
        assert f"{100 * fit.mixture.weights[k]:.1f}%" in card
        assert f"{fit.certainty.sizes[k]:.0f} rows" in card
        assert f"{fit.mixture.components.means[k, 0]:.2f} ±" in card


def test_charts_hold_the_fits_numbers(fit, page) -> None:
    drawn = specs(page)
    assert set(drawn) == {"plane", "uncertainty", "criteria", "ascent"}
    points = values_of(drawn["plane"], drawn["plane"]["layer"][1])
    assert len(points) == 272
    names = [fit.mixture.component_name(k) for k in fit.mixture.predict(fit.source)]
    assert [p["component"] for p in points] == names
    values = {
        (v["structure"], v["components"]): v["value"]
        for v in values_of(drawn["criteria"], drawn["criteria"]["layer"][0])
    }
    assert values == {(c.structure, c.n_components): pytest.approx(c.bic) for c in fit.candidates}
    bars = values_of(drawn["uncertainty"])
    assert sum(bar["rows"] for bar in bars) == 272
    ascent = [v["nats"] for v in values_of(drawn["ascent"]) if v["what"] == "log-likelihood"]
    assert ascent == pytest.approx(list(fit.trace["log_likelihood"]))


def test_typical_and_doubtful_rows_are_the_extremes(fit) -> None:
    X = np.concatenate([chunk.rows for chunk in fit.source.chunks()])
    looked = look(fit.source, fit.mixture)
    labels, density = fit.mixture.predict(X), fit.mixture.component_log_prob(X)
    for k, rows in enumerate(looked.typical):
        mine = np.flatnonzero(labels == k)
        assert rows[0].number == mine[np.argmax(density[mine, k])]
        np.testing.assert_array_equal(rows[0].values, X[rows[0].number])
    uncertainty = fit.mixture.uncertainty(X)
    assert looked.doubtful[0].number == np.argmax(uncertainty)
    assert [row.number for row in looked.doubtful] == np.argsort(-uncertainty, kind="stable")[:10].tolist()


def test_one_column_many_columns_noise_and_weights() -> None:
    rng = np.random.default_rng(3)
    line = mx.fit(rng.normal(size=80), 1, "V")
    assert set(specs(report_page(line, line.source))) == {"density", "uncertainty", "ascent"}
    wide = rng.normal(size=(150, 12))
    wide[:70, [2, 7]] += 4
    found = mx.fit(wide, 2, "EEI", noise=True, sample_weight=np.full(150, 2.0))
    page = report_page(found, found.source)
    drawn = specs(page)
    assert {"pairs", "uncertainty"} <= set(drawn)
    assert "8 others are not drawn" in page
    assert {2, 7} <= set(telling_columns(found.mixture))
    assert "Noise:" in page
    assert sum(bar["rows"] for bar in values_of(drawn["uncertainty"])) == pytest.approx(300)


def test_names_are_text_and_never_markup() -> None:
    X = np.random.default_rng(0).normal(size=(60, 2))
    fit = mx.fit(X, 1, "EII", columns=["<b>a</b>", "</script>"])
    page = report_page(fit, fit.source)
    assert "<b>a</b>" not in page
    assert "&lt;b&gt;a" in page
    assert page.count("</script>") == 3


def test_many_rows_make_no_big_page() -> None:
    X = np.random.default_rng(0).normal(size=(70_000, 3))
    X[:30_000] += 3
    fit = mx.fit(X, 2, "VVI")
    looked = look(as_source(X), fit.mixture)
    assert len(looked.shown) <= 1500
    assert looked.uncertainty.sum() == 70_000
    assert len(report_page(fit, fit.source)) < 1_500_000


def test_a_pickled_fit_needs_its_rows_again(fit, rows, tmp_path: Path) -> None:
    again = pickle.loads(pickle.dumps(fit))
    with pytest.raises(ParameterError, match="give them"):
        again.report(tmp_path / "r.html")
    again.report(tmp_path / "r.html", rows("faithful"))
    assert (tmp_path / "r.html").stat().st_size > 900_000


@pytest.fixture(scope="module")
def gappy(rows, columns):
    X = rows("iris").copy()
    rng = np.random.default_rng(3)
    X[rng.random(X.shape) < 0.1] = np.nan
    X[7] = np.nan
    X[9, :3] = np.nan
    return X, mx.fit(X, 3, ["VEV", "VVV"], columns=columns("iris"))


def test_rows_with_gaps_are_shown_by_what_is_known_of_them(gappy) -> None:
    X, fit = gappy
    looked = look(fit.source, fit.mixture)
    known = ~np.isnan(X)
    np.testing.assert_array_equal(looked.numbers, np.flatnonzero(known.any(axis=1)))
    np.testing.assert_array_equal(looked.shown, X[looked.numbers])
    np.testing.assert_array_equal(looked.labels, fit.mixture.predict(X)[looked.numbers])
    density, labels = fit.mixture.component_log_prob(X), fit.mixture.predict(X)
    for k, typical in enumerate(looked.typical):
        mine = np.flatnonzero((labels == k) & known.all(axis=1))
        assert typical[0].number == mine[np.argmax(density[mine, k])]
    assert 7 not in [row.number for row in looked.doubtful]
    assert looked.uncertainty.sum() == 149
    for j, (_, counts) in enumerate(looked.histograms):
        assert counts.sum() == known[:, j].sum()


def test_the_page_says_what_was_missing_and_what_is_drawn(gappy) -> None:
    X, fit = gappy
    page, cells = report_page(fit, fit.source), int(np.isnan(X).sum())
    assert f"Missing: {cells} cells" in page
    drawn = specs(page)
    points = values_of(drawn["directions"], drawn["directions"]["layer"][1])
    assert len(points) == 149
    gaps = int(np.isnan(np.delete(X, 7, axis=0)).any(axis=1).sum())
    assert f"Missing cells of {gaps} rows are filled with what the others let expect." in page
    pairs = values_of(drawn["pairs"])
    j = fit.mixture.columns.index("Petal.Length")
    assert sum(v[f"c{j}"] is None for v in pairs) == np.isnan(np.delete(X, 7, axis=0)[:, j]).sum()
    assert "missing" in re.search(r"least sure about.*?</table>", page, re.DOTALL)[0]


def test_two_columns_draw_the_rows_that_know_both(rows) -> None:
    X = rows("faithful").copy()
    X[::5, 0] = np.nan
    fit = mx.fit(X, 2, "VVV")
    page = report_page(fit, fit.source)
    points = values_of(specs(page)["plane"], specs(page)["plane"]["layer"][1])
    assert len(points) == 272 - 55
    assert "55 rows with a missing cell cannot be drawn." in page
