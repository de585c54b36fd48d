"""The EM explorer in a real browser: what it shows is what the library says."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mixtura as mx
from mixtura.explanation.explain import one_step
from mixtura.explanation.numbers import nats, number
from mixtura.explanation.sections.e_step import row_formula
from mixtura.explanation.tabulating import parameter_tables
from mixtura.explanation.words import notation_of

FAITHFUL = Path(__file__).parents[2] / "examples" / "old_faithful.csv"
ROUGH = {"weights": [0.5, 0.5], "means": [[2.0, 80.0], [4.0, 50.0]]}


@pytest.fixture(scope="module")
def exercise() -> Any:
    """The course exercise: x = −1, 0, 4, 5, 6."""
    return mx.explain(mx.Mixture([0.5, 0.5], mx.Gaussian([6, 7], [1, 4])), [-1, 0, 4, 5, 6])


@pytest.fixture(scope="module")
def faithful() -> Any:
    """Old Faithful from a rough start."""
    start = mx.Mixture(ROUGH["weights"], mx.Gaussian(ROUGH["means"], [np.diag([1.0, 100.0])] * 2))
    return mx.explain(start.with_names(columns=["eruptions", "waiting"]), FAITHFUL)


@pytest.fixture(scope="module")
def noise() -> Any:
    """One Gaussian and noise: a run whose rows can belong to none."""
    theta0 = mx.Mixture([0.7], mx.Gaussian([3.0], [4.0]), noise=mx.Noise.between(0.3, -12, 20))
    return mx.explain(theta0, [-1, 0, 1, 0.5, -0.4, 14, -9, 18])


def written(facts: Any, folder: Path) -> Path:
    facts.explorer(folder / "explorer.html")
    return folder / "explorer.html"


def press(page: Any, times: int) -> None:
    page.focus("#step")
    for _ in range(times):
        page.keyboard.press("ArrowRight")


def cells(page: Any, selector: str) -> list[list[str]]:
    """The texts of a table's body."""
    script = "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))"
    return page.locator(f"{selector} tbody tr").evaluate_all(script)


@pytest.mark.parametrize("which", ["exercise", "faithful", "noise"])
def test_every_half_step_shows_the_numbers_of_the_run(which, request, open_page, tmp_path):
    facts = request.getfixturevalue(which)
    page = open_page(written(facts, tmp_path))
    notation = notation_of(facts)
    assert page.inner_text("#title") == "Start: θ₀"
    for t in range(facts.n_iter):
        press(page, 1)
        assert page.inner_text("#log-likelihood") == page.inner_text("#bound-value") == nats(facts.log_likelihoods[t])
        press(page, 1)
        assert page.inner_text("#log-likelihood") == nats(facts.log_likelihoods[t + 1])
        assert page.inner_text("#bound-value") == nats(facts.iterations[t].lower_bound)
        tables = parameter_tables(notation, facts.mixtures[t + 1])
        assert cells(page, "#parameters") == [list(row) for table in tables for row in table.rows]
    press(page, 1)
    assert page.inner_text("#title").startswith("End: ")
    assert page.locator("#forward").is_disabled()


@pytest.mark.parametrize("which", ["exercise", "noise"])
def test_responsibilities_are_those_of_the_library_to_every_digit_shown(which, request, open_page, tmp_path):
    facts = request.getfixturevalue(which)
    page = open_page(written(facts, tmp_path))
    for t in range(3):
        press(page, 1 if t == 0 else 2)
        step = one_step(facts, t)
        resp = step.start.responsibilities
        assert [row[-2:] for row in cells(page, "#responsibilities")] == [list(map(number, row)) for row in resp]
        for i in range(len(resp)):
            page.click(f"tr[data-row='{i}'] button")
            shown = page.locator("#bayes .formula").last.get_attribute("data-text")
            block = row_formula(step, notation_of(step), i)
            assert shown == " ".join([block.left, *(part for side in block.steps for part in side)])


def test_the_m_step_shows_the_formulas_and_words_of_the_explanation(exercise, open_page, tmp_path):
    page = open_page(written(exercise, tmp_path))
    press(page, 2)
    shown = page.locator("#formulas .formula").evaluate_all("boxes => boxes.map(box => box.dataset.text)")
    text = str(exercise.text(width=400))
    for line in shown:
        assert line.split(" = ")[1] in text
    assert len(shown) == 6
    assert "Gaussian 2, absolutely and relatively" in page.inner_text("#words")
    assert page.locator("#formulas math mfrac").count() == 6


def test_the_slider_moves_picture_and_curves(exercise, open_page, tmp_path):
    page = open_page(written(exercise, tmp_path))
    pictures = []
    for _ in range(4):
        pictures.append(page.locator("#picture path.now").first.get_attribute("d"))
        press(page, 1)
    start, e_step, m_step, next_e_step = pictures
    assert start == e_step != m_step == next_e_step
    assert page.locator("#picture circle").first.get_attribute("fill").startswith("rgb(")


def test_numbers_are_written_as_python_writes_them(exercise, open_page, tmp_path):
    page = open_page(written(exercise, tmp_path))
    rng = np.random.default_rng(0)
    values = [0.0, 1e-4, 99999.95, 1e5, 1024.125, 0.5, 2.5, 1e12, -3.0, 123456.0625, 1e-300, 100000.0625]
    values += (rng.standard_normal(500) * 10.0 ** rng.integers(-12, 14, 500)).tolist()
    assert page.evaluate("values => values.map(v => number(v))", values) == list(map(number, values))
    assert page.evaluate("values => values.map(nats)", values) == list(map(nats, values))


@pytest.mark.parametrize("weighted", [False, True])
def test_bound_and_log_likelihood_in_the_page_are_the_library_s(weighted, faithful, open_page, tmp_path):
    w = np.random.default_rng(1).uniform(0, 3, len(faithful.rows)) if weighted else None
    facts = mx.explain(faithful.theta0, faithful.rows, sample_weight=w, iterations=3)
    page = open_page(written(facts, tmp_path))
    for t in range(3):
        got = page.evaluate(
            "t => objectives(record.mixtures[t + 1], record.rows, responsibilities(record.mixtures[t], record.rows),"
            " record.sample_weight)",
            t,
        )
        np.testing.assert_allclose(got["logLikelihood"], facts.log_likelihoods[t + 1], rtol=1e-12)
        np.testing.assert_allclose(got["bound"], facts.iterations[t].lower_bound, rtol=1e-12)


@pytest.mark.parametrize("which", ["exercise", "faithful", "noise"])
def test_the_bound_lies_below_touches_and_the_m_step_goes_to_its_top(which, request, open_page, tmp_path):
    page = open_page(written(request.getfixturevalue(which), tmp_path))
    for parameter in range(page.locator("#parameter option").count()):
        page.select_option("#parameter", str(parameter))
        press(page, 1)
        found = page.evaluate(f"slices(boundView(states[{2 * parameter + 1}]), record)")
        for slice_ in (found["before"], found["after"]):
            pairs = [(v["bound"], v["logLikelihood"]) for v in slice_["values"] if v["bound"] is not None]
            assert all(low <= high + 1e-9 * abs(high) for low, high in pairs)
        here = found["before"]["here"]
        assert here["bound"] == pytest.approx(here["logLikelihood"], rel=1e-13)
        top = max(v["bound"] for v in found["after"]["values"] if v["bound"] is not None)
        assert found["after"]["here"]["bound"] >= top - 1e-9 * abs(top)


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_it_is_accessible_and_fits_the_screen(width, scheme, faithful, open_page, violations, tmp_path):
    page = open_page(written(faithful, tmp_path), width=width, scheme=scheme)
    page.locator("summary").click()
    press(page, 2)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_it_plays_and_stops_at_the_end(exercise, open_page, tmp_path):
    page = open_page(written(exercise, tmp_path))
    page.click("#last")
    page.click("#back")
    page.click("#play")
    assert page.inner_text("#play") == "Pause"
    page.get_by_role("button", name="Play", exact=True).wait_for()
    assert page.inner_text("#title").startswith("End: ")


def test_a_row_is_found_by_the_pointer_and_by_its_number(faithful, open_page, tmp_path):
    page = open_page(written(faithful, tmp_path))
    press(page, 1)
    page.locator("#picture .points circle").nth(100).hover(force=True)
    assert page.input_value("#row") != "0"
    page.fill("#row", "271")
    assert page.inner_text("#row-values") == "eruptions = 4.467, waiting = 74"
    assert page.locator("#responsibilities tr.selected").get_attribute("data-row") == "271"


def test_the_run_is_saved_with_every_digit(exercise, open_page, tmp_path):
    page = open_page(written(exercise, tmp_path))
    with page.expect_download() as caught:
        page.click("#save-run")
    rows = list(csv.reader(io.StringIO(Path(caught.value.path()).read_text(encoding="utf-8"))))
    table = exercise.table()
    assert rows[0] == list(table)
    for j, name in enumerate(table):
        got = [float(row[j]) if row[j] else np.nan for row in rows[1:]]
        np.testing.assert_array_equal(got, table[name])


def test_names_are_shown_and_never_run(open_page, tmp_path):
    theta0 = mx.Mixture([0.5, 0.5], mx.Gaussian([[0, 0], [3, 3]], [1.0, 1.0]), names=["<b>a</b>", "</script>"])
    theta0 = theta0.with_names(theta0.names, ["<img src=x onerror=alert(1)>", "a & b"])
    page = open_page(written(mx.explain(theta0, [[0, 1], [1, 0], [3, 2], [2, 4]], iterations=2), tmp_path))
    press(page, 2)
    assert "<b>a</b>" in page.inner_text("#parameters")
    assert page.locator("img").count() == 0


def test_it_shows_itself_in_a_notebook(exercise, open_page, tmp_path):
    notebook = tmp_path / "notebook.html"
    notebook.write_text(f"<!doctype html><title>notebook</title>{exercise.explorer()._repr_html_()}", encoding="utf-8")
    page = open_page(notebook)
    frame = page.frame_locator("iframe")
    frame.locator("#last").click()
    assert frame.locator("#log-likelihood").inner_text() == nats(exercise.log_likelihood)
