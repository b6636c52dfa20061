"""ImageNet's weights and the Hub in a browser: asked first, refused in a sentence, no token left behind."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.ui]


def in_hand(page: Any) -> dict[str, str]:
    return json.loads(page.locator("#hand textarea, #hand input").first.input_value())


def test_weights_that_are_not_here_are_asked_for_and_a_failure_changes_nothing(visitor, expect):
    page = visitor.open()
    page.get_by_role("tab", name="Classify").click()
    page.locator("#classify-bars li").first.wait_for()
    before, chosen = in_hand(page), page.locator("#classify-checkpoint input")
    shown = chosen.input_value()
    chosen.click()
    page.get_by_role("option", name="ResNet-50 on ImageNet").click()
    expect(page.locator("#classify-offer")).to_contain_text("103 MB are to be downloaded from download.pytorch.org")
    expect(chosen).to_have_value(shown)
    page.get_by_role("button", name="Download 103 MB").click()
    expect(page.locator("#classify-offer [role=alert]")).to_contain_text("downloads are switched off")
    assert in_hand(page) == before
    page.get_by_role("button", name="Not now").click()
    expect(page.locator("#classify-offer [role=alert]")).to_have_count(0)


def test_a_token_is_gone_from_the_page_once_it_was_used(visitor, expect):
    page = visitor.open()
    page.get_by_role("tab", name="Classify").click()
    page.locator("#classify-more > button").click()
    page.locator("#classify-publish > button").click()
    page.locator("#classify-publish-repo").locator("input, textarea").fill("ann/net")
    token = page.locator("#classify-publish-token input")
    token.fill("hf_" + "secret" * 5)
    assert token.get_attribute("type") == "password"
    page.locator("#classify-publish-go").click()
    expect(page.locator("#classify-publish-said")).to_contain_text("the network is switched off")
    expect(token).to_have_value("")
    kept = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, location.href])")
    assert "secret" * 2 not in kept + page.locator("body").inner_text()
