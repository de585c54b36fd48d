"""Reports: the same facts as text, HTML and records, by column name, for any mixture."""

import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import mixtura as mx
from mixtura.persistence import mixture_of_record
from mixtura.report.components import MAX_WIDTH, mixture_document
from mixtura.report.document import Grid
from mixtura.report.fitted import fit_document
from mixtura.report.notebook import fit_html, mixture_html
from mixtura.report.numbers import evidence, measures
from mixtura.report.records import fit_record, plain
from mixtura.report.text import fit_text, mixture_text

FAITHFUL = Path(__file__).parents[2] / "examples" / "old_faithful.csv"


@pytest.fixture(scope="module")
def found() -> mx.Fit:
    return mx.fit(FAITHFUL, n_components=[2, 3], structure="EEE,VVV")


def mixture_of(n_components: int, n_features: int, **names: list[str]) -> mx.Mixture:
    rng = np.random.default_rng(n_components * 1000 + n_features)
    means, variances = rng.normal(0, 100, (n_components, n_features)), rng.uniform(0.1, 9, (n_components, n_features))
    weights = np.full(n_components, 1 / n_components)
    return mx.Mixture(weights, mx.Gaussian(means, variances, "VVI" if n_features > 1 else "V"), **names)


def test_the_first_line_is_the_answer(found):
    assert fit_text(found).splitlines()[0] == "3 groups: EEE (equal size, shape and orientation)"


def test_the_report_names_columns_groups_and_the_runner_up(found):
    text = fit_text(found)
    assert re.search(r"group +share +rows +eruptions +waiting", text)
    assert re.search(r"0 +47\.5% +134 +4\.47 ± 0\.28 +80\.9 ± 5\.8", text)
    assert "BIC 2314.30; the runner-up, VVV,2, is 7.9 worse: strong evidence against it" in text
    assert "numbered from 0" in text
    assert f"{found.certainty.doubtful} rows have an uncertainty above 0.1" in " ".join(text.split())
    assert f"Converged in {found.n_iter} iterations" in text
    assert "-1126.3159" in text


def test_the_best_with_another_number_is_named_where_the_runner_up_has_the_same_number():
    fit = mx.fit(FAITHFUL, n_components=[1, 3], structure="EEE,VVV")
    assert "the best with another number of groups, EEE,1, is 293.3 worse" in " ".join(fit_text(fit).split())


def test_words_of_evidence_are_for_bic_alone():
    fit = mx.fit(FAITHFUL, n_components=[2, 3], structure="EEE", criterion="aic")
    assert "evidence" not in fit_text(fit)
    assert [evidence(d) for d in (0, 2, 2.1, 6.1, 10.1)] == [
        "hardly any evidence", "hardly any evidence", "positive evidence", "strong evidence", "very strong evidence",
    ]  # fmt: skip


def test_one_candidate_one_group_and_a_start_are_reported_without_rivals(found):
    one = fit_text(mx.fit(FAITHFUL, n_components=1, structure="EEE"))
    assert one.startswith("1 group: EEE (correlated columns)")
    assert "Nothing else was tried" in one
    given = fit_text(mx.fit(FAITHFUL, start=found.mixture))
    assert "in the order of the start" in given


def test_what_did_not_converge_or_is_degenerate_is_said_in_words():
    with pytest.warns(UserWarning, match="max_iter"):
        short = mx.fit(FAITHFUL, n_components=3, structure="EEE", max_iter=2)
    assert "Did not converge: stopped after 2 iterations" in fit_text(short)
    assert "Be careful" in fit_text(short)
    with pytest.warns(UserWarning, match="component"):
        bad = mx.fit([[0.0], [0.0], [0.0], [1.0], [2.0], [4.0]], n_components=3, structure="V")
    assert "not to be trusted" in fit_text(bad).splitlines()[0]


def test_weighted_rows_are_said_to_be_weighted():
    fit = mx.fit(FAITHFUL, n_components=2, structure="EEE", sample_weight=np.full(272, 1.5))
    assert "they count as 408" in " ".join(fit_text(fit).split())


@pytest.mark.parametrize(("k", "d"), [(1, 1), (2, 1), (3, 8), (3, 40), (20, 5), (60, 60), (9, 2)])
def test_tables_stay_narrow_and_count_what_they_leave_out(k, d):
    text = mixture_text(mixture_of(k, d))
    table = text.splitlines()[1:]
    assert all(len(line) <= MAX_WIDTH + 2 for line in table)
    assert len(table) <= 30
    (grid,) = (item for item in mixture_document(mixture_of(k, d)).sections[0].body if isinstance(item, Grid))
    shown_columns = max(sum(name.startswith("x") for name in grid.header), sum(r[0].startswith("x") for r in grid.rows))
    left_out = re.search(r"and (\d+) more column", text)
    assert shown_columns + (int(left_out[1]) if left_out else 0) == d


def test_a_mean_is_written_to_the_digits_of_its_spread():
    assert measures([-0.0001, 1.0], [0.5, 0.5]) == ["0.00 ± 0.50", "1.00 ± 0.50"]
    assert measures([1e8 + 0.25], [0.01]) == ["100000000.250 ± 0.010"]
    assert measures([1e-20], [1e-21]) == ["1e-20 ± 1e-21"]
    assert measures([12345.0], [1234.0]) == ["12345 ± 1234"]


def test_names_cannot_act_on_a_terminal_or_a_page():
    theta = mixture_of(2, 2, names=["<b>bold</b>", "red\x1b[31m"], columns=["<i>&\"'", "a\nb"])
    text, page = mixture_text(theta), mixture_html(theta)
    assert "\x1b" not in text + page
    assert "a\\nb" in text
    assert "<b>" not in page
    assert "&lt;b&gt;bold&lt;/b&gt;" in page
    assert "&lt;i&gt;&amp;&quot;&#x27;" in page


class Balance(HTMLParser):
    """Checks that every element is closed in its order, and gathers texts and tags."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.open.append(tag)
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_the_page_is_well_formed_loads_nothing_and_says_what_the_text_says(found):
    page = Balance()
    page.feed(fit_html(found))
    assert page.open == []
    assert page.tags <= {"article", "p", "strong", "section", "h4", "table", "thead", "tbody", "tr", "th", "td"}
    document = fit_document(found)
    cells = [
        c for s in document.sections for item in s.body if isinstance(item, Grid) for row in item.rows for c in row
    ]
    assert set(cells) <= set(page.texts)
    assert {s.title for s in document.sections} <= set(page.texts)
    assert found._repr_html_() == fit_html(found)


def test_the_record_holds_every_digit(found):
    record = json.loads(json.dumps(fit_record(found), allow_nan=False))
    assert record["log_likelihood"] == found.log_likelihood
    assert [record[name] for name in ("bic", "icl", "aic")] == [found.bic, found.icl, found.aic]
    assert mixture_of_record(record["mixture"]) == found.mixture
    assert [c["bic"] for c in record["candidates"]] == found.table["bic"].tolist()
    assert 0 < len(record["trace"]) <= found.n_iter  # one row a kept iteration


def test_plain_values_have_no_infinities_and_no_arrays():
    assert plain({"a": [math.inf, np.float64(1.5)], "b": (np.int64(2), np.array([1.0, math.nan])), "c": True}) == {
        "a": [None, 1.5],
        "b": [2, [1.0, None]],
        "c": True,
    }
