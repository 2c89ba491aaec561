"""A person at Dagster's UI: a real Chromium that is clicked and read, through selenium."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest
from selenium.common.exceptions import (
    ElementClickInterceptedException,
    ElementNotInteractableException,
    NoSuchElementException,
    StaleElementReferenceException,
)
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.wait import WebDriverWait

_SIZE = (1600, 1000)
_FLAGS = (
    "--headless=new",
    "--no-sandbox",  # Chromium refuses to run as root with it
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    f"--window-size={_SIZE[0]},{_SIZE[1]}",
)
# The page is drawn anew while it is looked at.
_IN_MOTION = (
    StaleElementReferenceException,
    ElementClickInterceptedException,
    ElementNotInteractableException,
    NoSuchElementException,
)

T = TypeVar("T")


@dataclass(frozen=True)
class Person:
    """Somebody who looks at the UI at `address`, clicks what is written there, and waits for what comes."""

    browser: WebDriver
    address: str

    def opens(self, path: str) -> None:
        self.browser.get(self.address + path)

    def clicks(self, text: str) -> None:
        """The first link or button whose text begins with `text`, or other thing whose text it is."""
        begins = f"(self::a or self::button) and starts-with(normalize-space(.), '{text}')"
        path = f"//*[{begins} or not(*) and normalize-space(.) = '{text}']"
        self.waits(lambda: self._click(path), f"“{text}” can't be clicked")

    def sees(self, text: str, seconds: float = 60) -> None:
        """Waits until the page says so."""
        self.waits(lambda: text in self.page(), f"the page does not say “{text}”", seconds)

    def sees_cell(self, text: str) -> None:
        """Waits for a cell of a drawn table with this text."""
        cells = (By.CSS_SELECTOR, "td")
        self.waits(
            lambda: any(cell.text == text for cell in self.browser.find_elements(*cells)), f"no cell says “{text}”"
        )

    def scrolls_to(self, heading: str) -> None:
        """Brings a heading to the top."""
        script = "arguments[0].scrollIntoView()"
        path = f"//*[not(*) and normalize-space(.) = '{heading}']"
        self.waits(
            lambda: self.browser.execute_script(script, self.browser.find_element(By.XPATH, path)) or True,
            f"no heading says “{heading}”",
        )

    def page(self) -> str:
        """All text of the page."""
        return self.browser.find_element(By.TAG_NAME, "body").text

    def waits(self, happened: Callable[[], T], otherwise: str, seconds: float = 60) -> T:
        """Until something is so; fails with `otherwise` and the page where it doesn't come."""
        wait = WebDriverWait(self.browser, seconds, poll_frequency=0.2, ignored_exceptions=_IN_MOTION)
        return wait.until(lambda _: happened(), otherwise)

    def clicks_icon(self, name: str) -> None:
        """The first button that shows this icon."""
        self.waits(lambda: self._click(f"//button[.//*[@aria-label='{name}']]"), f"no button shows {name}")

    def photographs(self, folder: str | None, name: str) -> None:
        """Saves what is to be seen, where a folder is given."""
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.browser.save_screenshot(str(Path(folder) / f"{name}.png"))

    def _click(self, path: str) -> bool:
        # Dagster asks newcomers for their address, once and at any moment.
        for skip in self.browser.find_elements(By.XPATH, "//button[normalize-space(.) = 'Skip']"):
            skip.click()
            return False
        for element in self.browser.find_elements(By.XPATH, path):
            if element.is_displayed() and element.is_enabled():
                element.click()
                return True
        return False


def find_chromium() -> tuple[str, str]:
    """The paths of Chromium and of its driver; the test is skipped where one is missing."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    driver = shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("no Chromium here, or no chromedriver; on Debian: apt-get install chromium chromium-driver")
    return chromium, driver


@contextmanager
def somebody(address: str, chromium: str, driver: str) -> Iterator[Person]:
    """A person with a new browser."""
    # In a folder of its own with a short name: Chromium's sockets lie in it.
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        options = ChromeOptions()
        options.binary_location = chromium
        for flag in (*_FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        with Chrome(options=options, service=Service(driver)) as browser:
            # The window's size is that of its frame; this is the page's.
            browser.execute_cdp_cmd(
                "Emulation.setDeviceMetricsOverride",
                {"width": _SIZE[0], "height": _SIZE[1], "deviceScaleFactor": 1, "mobile": False},
            )
            yield Person(browser, address)
