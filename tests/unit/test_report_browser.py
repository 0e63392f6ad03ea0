"""The page of `certify report` in a real browser: clicks, keys, filters, sliders, and no complaint of the console."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from certify.report.page.document import page_html
from certify.report.page.grid import AXES, Grid
from certify.report.page.sections import sliders_html
from tests.chromium import CHROMIUM, Browser
from tests.pages import hostile_result

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed: apt-get install chromium")

AXIS = AXES["small"]
BOUNDS = ("0.05", "0.06", "0.07", "0.08", "0.051", None, "0.071", "0.081")
GRID = Grid("toy", AXIS, 0.15, ("10", "20", "30", "40", "11", None, "31", "41"), BOUNDS)
"""beta (0.05, 0.1) x d (2, 8) x kappa (1.2, 2) x epsilon (0.1)."""


def _written(folder: Path, count: int, grid: Grid) -> Path:
    page = page_html(hostile_result(count)).replace('<main id="main">', f'<main id="main">{sliders_html(grid)}')
    (folder / "page.html").write_text(page, encoding="utf-8")
    return folder / "page.html"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _written(tmp_path_factory.mktemp("page"), 30, GRID)


@pytest.fixture(scope="module")
def browser(home: Path) -> Iterator[Browser]:
    with Browser(home.parent / "profile") as found:
        found.open(home)
        yield found
        assert found.errors == []


@pytest.fixture
def elsewhere(browser: Browser, home: Path) -> Iterator[Browser]:
    yield browser
    browser.open(home)


def _text(browser: Browser, selector: str) -> str:
    return str(browser.evaluate(f"document.querySelector({json.dumps(selector)}).innerText"))


def _slide(browser: Browser, axis: str, value: float) -> str:
    browser.evaluate(
        f"(()=>{{const i=document.querySelector('[data-axis={axis}]');i.value={value};"
        "i.dispatchEvent(new Event('input',{bubbles:true}))})()"
    )
    return _text(browser, ".answer")


def test_nothing_hostile_ran_and_the_page_fits_its_window(browser: Browser) -> None:
    assert browser.evaluate("typeof window.hacked") == "undefined"
    assert browser.evaluate("document.images.length") == 0
    assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert browser.evaluate("performance.getEntriesByType('resource').length") == 0


def test_a_statement_says_what_it_rests_on_by_click_and_by_key(browser: Browser) -> None:
    assert _text(browser, ".rests") == "No statement chosen."
    browser.click("[data-node=S2] rect")
    assert _text(browser, ".rests").startswith("step S2: log-concavity radius. supported")
    assert browser.evaluate("document.querySelector('[data-node=S2]').getAttribute('aria-pressed')") == "true"
    browser.evaluate("document.querySelector('[data-node=conclusion]').focus()")
    browser.press("Enter", "\r")
    rests = _text(browser, ".rests")
    assert "It rests on:" in rests and "S2 log-concavity radius (step)" in rests and "A1" in rests
    browser.press("Escape")
    assert _text(browser, ".rests") == "No statement chosen."


def test_observations_are_filtered_and_sorted_as_numbers(browser: Browser) -> None:
    def shown() -> list[str]:
        rows = "[...document.querySelectorAll('.observations tbody tr')].filter((row) => !row.hidden)"
        return [str(item) for item in browser.evaluate(f"{rows}.map((row) => row.children[4].dataset.key)")]

    assert len(shown()) == 30
    browser.click(".observations th:nth-child(5) button")
    rising = shown()
    numbers = [float(item) for item in rising if item]
    assert numbers == sorted(numbers) and rising[-1] == "" and len(numbers) == 20
    assert browser.evaluate("document.querySelector('.observations th:nth-child(5)').ariaSort") == "ascending"
    browser.click(".observations th:nth-child(5) button")
    falling = shown()
    assert [float(item) for item in falling if item] == numbers[::-1] and falling[-1] == ""
    browser.evaluate(
        "(()=>{const s=document.querySelector('.observations select');s.value='proved';"
        "s.dispatchEvent(new Event('change'))})()"
    )
    assert _text(browser, ".observations output") == "20 of 30" and "" not in shown()
    browser.click(".observations input")
    for letter in "too flat":
        browser.press(letter, letter)
    assert _text(browser, ".observations output") == "0 of 30"


@pytest.mark.parametrize(
    ("d", "kappa", "bound", "at"),
    [
        (2, 1.2, "0.05", "d = 2, kappa = 1.2"),
        (2, 1.21, "0.06", "d = 2, kappa = 2"),
        (3, 1.0, "0.07", "d = 8, kappa = 1.2"),
        (8, 2.0, "0.08", "d = 8, kappa = 2"),
    ],
)
def test_sliders_show_the_grid_value_on_the_safe_side(
    browser: Browser, d: int, kappa: float, bound: str, at: str
) -> None:
    _slide(browser, "beta", 0)
    _slide(browser, "epsilon", 1)
    _slide(browser, "d", d)
    answer = _slide(browser, "kappa", kappa)
    assert answer.startswith(f"TV ≤ {bound} with") and f"beta = 0.05, {at}, epsilon = 0.1" in answer
    assert ("safe side" in answer) == ((d, kappa) not in {(2, 1.2), (8, 2.0)})


def test_every_position_shows_the_cell_on_the_safe_side_or_nothing(browser: Browser) -> None:
    beta, dims, kappas, (epsilon,) = (sorted(values) for values in AXIS.values())
    found = browser.evaluate(
        "(()=>{const i=Object.fromEntries([...document.querySelectorAll('.sliders input')].map(x=>[x.dataset.axis,x]));"
        "const all=(x,n)=>{const r=[];for(let k=0;k<=n;k++)r.push(+x.min+(x.max-x.min)*k/n);return r};const out=[];"
        "for(const b of [0,1])for(const d of all(i.d,7))for(const k of all(i.kappa,25))"
        "for(const e of all(i.epsilon,5)){"
        "i.beta.value=b;i.d.value=d;i.kappa.value=k;i.epsilon.value=e;i.beta.dispatchEvent(new Event('input'));"
        "out.push([b,+i.d.value,+i.kappa.value,+i.epsilon.value,document.querySelector('.answer').textContent])}"
        "return out})()"
    )
    assert len(found) == 2 * 8 * 26 * 6 and {item[1] for item in found} == set(range(1, 9))
    for noise, d, kappa, power, answer in found:
        if 10.0**-power < epsilon * (1 - 1e-9):
            assert answer == "No grid value lies on the safe side: nothing is shown."
            continue
        # The first grid value that is no smaller: the page has to choose the same, or a worse one.
        safe_d, safe_kappa = next(x for x in dims if x >= d), next(x for x in kappas if x >= kappa)
        bound = BOUNDS[4 * int(noise) + 2 * dims.index(safe_d) + kappas.index(safe_kappa)]
        at = f"beta = {beta[int(noise)]}, d = {safe_d}, kappa = {safe_kappa:g}, epsilon = {epsilon}"
        assert at in answer and answer.startswith("No certificate" if bound is None else f"TV ≤ {bound} with")


def test_sliders_show_nothing_where_nothing_is_certified(browser: Browser) -> None:
    _slide(browser, "epsilon", 1.05)
    assert _text(browser, ".answer") == "No grid value lies on the safe side: nothing is shown."
    _slide(browser, "epsilon", 1)
    _slide(browser, "beta", 1)
    _slide(browser, "d", 2)
    assert _slide(browser, "kappa", 1.5).startswith("No certificate was found at beta = 0.1, d = 2, kappa = 2")


def test_a_smaller_epsilon_stands_for_a_larger_one_and_none_for_a_smaller(elsewhere: Browser, tmp_path: Path) -> None:
    bounds = tuple(f"0.{place}" for place in range(1, 10))
    axes = {"beta": (0.1,), "d": (2,), "kappa": (1.5,), "epsilon": (0.3, 0.1, 0.03)}
    elsewhere.open(_written(tmp_path, 3, Grid("three", axes, 0.15, bounds[:3], bounds[3:6])))
    for power, bound in ((0.52, "0.4"), (0.53, "0.5"), (1.0, "0.5"), (1.01, "0.6"), (1.52, "0.6")):
        assert _slide(elsewhere, "epsilon", power).startswith(f"TV ≤ {bound} with"), power
    assert _slide(elsewhere, "epsilon", 1.53) == "No grid value lies on the safe side: nothing is shown."


def test_a_thousand_observations_are_filtered_and_sorted(elsewhere: Browser, tmp_path: Path) -> None:
    browser = elsewhere
    browser.open(_written(tmp_path, 1000, GRID))
    assert browser.evaluate("document.getElementsByTagName('*').length") < 20000
    browser.evaluate("document.querySelectorAll('.observations th button')[4].click()")
    keys = "[...document.querySelectorAll('.observations tbody tr')].map((row) => row.children[4].dataset.key)"
    numbers = [float(item) for item in browser.evaluate(keys) if item]
    assert len(numbers) == 667 and numbers == sorted(numbers)
    browser.click(".observations input")
    browser.press("7", "7")
    count = browser.evaluate("document.querySelector('.observations output').textContent")
    shown = browser.evaluate("[...document.querySelectorAll('.observations tbody tr')].filter((r) => !r.hidden).length")
    assert count == f"{shown} of 1000" and 0 < shown < 1000


def test_a_slider_moves_by_key_and_says_its_value(browser: Browser) -> None:
    _slide(browser, "d", 2)
    browser.evaluate("document.querySelector('[data-axis=d]').focus()")
    browser.press("ArrowRight")
    assert browser.evaluate("document.querySelector('[data-axis=d]').getAttribute('aria-valuetext')") == "3 → 8"


def test_everything_that_is_used_has_a_name(browser: Browser) -> None:
    unnamed = browser.evaluate(
        "[...document.querySelectorAll('button,input,select,svg,[role=button],[role=region],nav')].filter((item) =>"
        "!(item.labels?.length||item.getAttribute('aria-label')||item.getAttribute('aria-labelledby')||"
        "item.textContent.trim())).map((item) => item.outerHTML)"
    )
    assert unnamed == []
    assert browser.evaluate("[...document.querySelectorAll('table')].every((item) => item.caption && item.tHead)")
    assert browser.evaluate("document.documentElement.lang") == "en"


def test_a_link_opens_its_result_and_print_opens_all(browser: Browser) -> None:
    browser.evaluate("document.querySelectorAll('details').forEach((item) => item.open = false)")
    browser.evaluate("document.querySelector('a[href=\"#record-1\"]').click()")
    assert browser.evaluate("new Promise((done) => setTimeout(() => done(1), 50))") is not False
    assert browser.evaluate("document.querySelector('#record-1').open") is True
    browser.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert browser.evaluate("document.querySelectorAll('details:not([open])').length") == 0
    browser.evaluate("dispatchEvent(new Event('afterprint'))")
    assert browser.evaluate("document.querySelector('#record-0').open") is False


def test_a_narrow_window_holds_the_page(browser: Browser, tmp_path: Path) -> None:
    browser.send("Emulation.setDeviceMetricsOverride", width=360, height=700, deviceScaleFactor=1, mobile=False)
    assert browser.evaluate("document.documentElement.scrollWidth") <= 360
    browser.screenshot(tmp_path / "narrow.png")
    assert (tmp_path / "narrow.png").stat().st_size > 1000
