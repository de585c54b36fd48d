"""A real browser: Debian's Chromium without a window, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

Open = Callable[..., Any]

SERIOUS = ("serious", "critical")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium; where the machine has none (.ci/run installs it) the tests are skipped."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def open_page(browser: Any) -> Iterator[Open]:
    """`open_page(path, width=1280, scheme="light")`: a page; at the end it must have said and fetched nothing."""
    contexts: list[Any] = []
    faults: list[str] = []

    def opened(path: Path, width: int = 1280, scheme: str = "light") -> Any:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda message: faults.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: faults.append(f"error: {error}"))
        page.on("request", lambda request: faults.append(request.url) if _from_elsewhere(request.url, path) else None)
        page.goto(path.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert faults == []


def _from_elsewhere(url: str, path: Path) -> bool:
    return url != path.as_uri() and not url.startswith(("data:", "blob:", "about:"))


@pytest.fixture
def violations() -> Callable[[Any], list[str]]:
    """What axe finds on a page that is serious or critical: the rule and the element."""
    from axe_playwright_python.sync_playwright import Axe

    def found(page: Any) -> list[str]:
        result = Axe().run(page).response["violations"]
        return [
            f"{rule['id']}: {node['html'][:120]}"
            for rule in result
            if rule["impact"] in SERIOUS
            for node in rule["nodes"]
        ]

    return found
