"""The report in a real browser: nothing fails, nothing is fetched, and what it shows is what the fit says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import mixtura as mx

EXAMPLES = Path(__file__).parents[2] / "examples"
DRAWN = "document.documentElement.dataset.drawn === 'true'"


@pytest.fixture(scope="module", params=["old_faithful", "iris"])
def fit(request: pytest.FixtureRequest) -> Any:
    return mx.fit(EXAMPLES / f"{request.param}.csv", [1, 2, 3], ["EEE", "VEV", "VVV"])


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_page_opens_draws_and_is_accessible(
    fit, open_page, violations, tmp_path: Path, width: int, scheme: str
) -> None:
    fit.report(tmp_path / "report.html")
    page = open_page(tmp_path / "report.html", width, scheme)
    page.wait_for_function(DRAWN)
    assert page.inner_text("h1") == fit.summary().splitlines()[0]
    assert page.locator("article.card").count() == fit.mixture.n_components
    shares = page.locator(".share strong").all_inner_texts()
    assert shares == [f"{100 * w:.1f}%" for w in fit.mixture.weights]
    assert page.locator("figure svg").count() >= 4
    for figure in page.locator("figure .chart").all():
        assert figure.get_attribute("aria-label")
        assert figure.bounding_box()["height"] > 100
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert violations(page) == []


def test_all_candidates_open_by_keyboard(fit, open_page, tmp_path: Path) -> None:
    fit.report(tmp_path / "report.html")
    page = open_page(tmp_path / "report.html")
    page.wait_for_function(DRAWN)
    page.focus("summary")
    page.keyboard.press("Enter")
    cells = page.locator("details tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].map(c => c.textContent))"
    )
    assert [float(row[4]) for row in cells] == pytest.approx([c.bic for c in fit.candidates], abs=0.01)
