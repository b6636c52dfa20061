"""Takes the README's pictures of the page: each tab, after a run of a minute, at desktop width.

    python -m scripts.take_pictures URL [--out docs/pictures] [--width 1280] [--dark]

URL is a page that is up (`python app.py`). Needs playwright and a Chromium.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from scripts.chromium import ARGUMENTS, chromium_path

ROOT = Path(__file__).resolve().parent.parent
TABS = ("Train", "Model", "Layers", "Classify")
SETTLE_MS = 4000  # the Model tab measures what a step costs


def train_a_minute(page: Page) -> None:
    page.get_by_role("button", name="Start training").click()
    page.get_by_role("button", name="Stop", exact=True).wait_for()
    page.get_by_text("Classify with it").first.wait_for(timeout=240_000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "pictures")
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--no-training", action="store_true", help="show what is there already")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as session:
        browser = session.chromium.launch(executable_path=chromium_path(), args=list(ARGUMENTS))
        page = browser.new_page(viewport={"width": args.width, "height": 900}, locale="en-US")
        page.goto(f"{args.url}?__theme={'dark' if args.dark else 'light'}", wait_until="domcontentloaded")
        page.get_by_role("tab", name="Train").wait_for()
        page.wait_for_timeout(SETTLE_MS)
        if not args.no_training:
            train_a_minute(page)
        for name in TABS:
            page.get_by_role("tab", name=name).click()
            page.wait_for_timeout(SETTLE_MS)
            page.screenshot(path=args.out / f"{name.lower()}.png", full_page=True)
        browser.close()


if __name__ == "__main__":
    main()
