"""Photograph the pages of mixtura in Chromium for the documentation: `make screenshots`."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

import mixtura as mx

HERE = Path(__file__).resolve().parent
EXAMPLES = HERE.parent / "examples"

DESKTOP, PHONE = (1280, 1100), (390, 844)


def explorer_pages(folder: Path) -> None:
    """The course exercise, and Old Faithful from a rough start."""
    theta0 = mx.Mixture([0.5, 0.5], mx.Gaussian(means=[6, 7], covariances=[1, 4]))
    mx.explain(theta0, [-1, 0, 4, 5, 6]).explorer(folder / "exercise.html")
    rough = mx.Gaussian([[2, 80], [4, 50]], [[[1, 0], [0, 100]]] * 2)
    mx.explain(mx.Mixture([0.5, 0.5], rough), EXAMPLES / "old_faithful.csv").explorer(folder / "old_faithful.html")


def report_pages(folder: Path) -> None:
    """The reports of Old Faithful and iris."""
    for name in ("old_faithful", "iris"):
        mx.fit(EXAMPLES / f"{name}.csv").report(folder / f"report_{name}.html")


def photograph(browser: Browser, page_path: Path, target: str, size: tuple[int, int], script: str, scheme: str) -> None:
    """One picture of the top of a page after a script has run in it."""
    width, height = size
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce")
    page.goto(page_path.as_uri())
    page.evaluate(script)
    page.wait_for_timeout(300)
    page.screenshot(path=HERE / "images" / target)
    page.close()


def main() -> None:
    """All pictures."""
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        explorer_pages(folder)
        report_pages(folder)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        exercise, faithful = folder / "exercise.html", folder / "old_faithful.html"
        photograph(browser, exercise, "explorer.png", DESKTOP, "go(2)", "light")
        photograph(browser, faithful, "explorer_old_faithful.png", DESKTOP, "go(4)", "dark")
        photograph(browser, exercise, "explorer_phone.png", PHONE, "go(2)", "light")
        look = "() => document.documentElement.dataset.drawn ? done() : setTimeout(look, 50)"
        drawn = f"new Promise(done => {{ const look = {look}; look(); }})"
        photograph(browser, folder / "report_old_faithful.html", "report.png", DESKTOP, drawn, "light")
        photograph(browser, folder / "report_iris.html", "report_phone.png", PHONE, drawn, "dark")
        browser.close()


if __name__ == "__main__":
    main()
