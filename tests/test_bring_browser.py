"""Bringing things to the Classify tab in a real browser: bad files, many pictures, a folder, weights, and heat maps."""

from __future__ import annotations

import bad_inputs
import pytest
import torch
from made_pictures import as_folder, as_zip, picture
from test_classify_browser import LONG, opened, run  # noqa: F401

from resnet_demo.resnet import build_model

pytestmark = [pytest.mark.slow, pytest.mark.ui]
ARCHIVES = ("escapes-0.zip", "link-1.zip", "not-a-zip.zip", "locked.zip", "zip-in-zip.zip")
WEIGHTS = (
    "system.pth",
    "module.pth",
    "nan.pth",
    "stretched.pth",
    "stack.pkl",
    "huge.safetensors",
    "not-text.safetensors",
)
SAMPLE = ("cut-5.png", "bomb-144-megapixels.png", "script.svg", "says-65535.bmp", "comment.gif", "postscript.eps")


def test_bad_files_get_a_sentence_and_the_next_one_an_answer(visitor, run, expect, tmp_path):  # noqa: F811
    page = opened(visitor, run)
    for bad in bad_inputs.named(bad_inputs.pictures(), SAMPLE):
        path = tmp_path / f"{bad.name}.png"
        path.write_bytes(bad.data)
        page.get_by_label("Remove Image").click()
        page.locator("#classify-picture input[type=file]").first.set_input_files(path)
        expect(page.locator("#classify-bars .alert")).to_contain_text(bad.name, timeout=LONG)
    (tmp_path / "good.png").write_bytes(picture(9))
    page.get_by_label("Remove Image").click()
    page.locator("#classify-picture input[type=file]").first.set_input_files(tmp_path / "good.png")
    expect(page.locator("#classify-bars li")).to_have_count(5, timeout=LONG)
    visitor.problems[:] = [said for said in visitor.problems if "ERR_" not in said and "Failed to load" not in said]


def test_bad_archives_and_weights_get_a_sentence(visitor, run, expect, tmp_path):  # noqa: F811
    page = opened(visitor, run)
    page.locator("#classify-more button").first.click()
    for corpus, names, field, told in (
        (bad_inputs.archives(large=False), ARCHIVES, "#classify-files", "#classify-many .alert"),
        (bad_inputs.checkpoints(), WEIGHTS, "#classify-own", "#classify-own-is .alert"),
    ):
        for bad in bad_inputs.named(corpus, names):
            path = tmp_path / bad.name
            path.write_bytes(bad.data)
            page.locator(f"{field} input[type=file]").set_input_files(path)
            expect(page.locator(told)).to_contain_text("cannot be used", timeout=LONG)
            page.locator(f"{field} [aria-label=Clear], {field} [aria-label='Remove this file']").first.click()
            expect(page.locator(told)).to_have_count(0, timeout=LONG)


def test_a_folder_from_the_disk(visitor, run, expect, tmp_path):  # noqa: F811
    page = opened(visitor, run)
    page.locator("#classify-more button").first.click()
    as_folder({f"{name}/{n}.png": picture(30 * n) for name in ("Bag", "Coat") for n in range(4)}, tmp_path / "Größe")
    page.locator("#classify-folder input").set_input_files(tmp_path / "Größe")
    expect(page.locator("#classify-many .headline")).to_contain_text("on 8 pictures of Größe", timeout=LONG)
    expect(page.locator("#classify-folder output")).to_have_text("8 pictures of Größe.")
    as_folder({"notes.txt": b"no picture"}, tmp_path / "notes")
    page.locator("#classify-folder input").set_input_files(tmp_path / "notes")
    expect(page.locator("#classify-folder output")).to_have_text("There are no pictures in notes.")
    (tmp_path / "loose").mkdir()
    for n in range(3):
        (tmp_path / "loose" / f"{n}.png").write_bytes(picture(70 * n))
    page.locator("#classify-folder input").set_input_files(tmp_path / "loose")
    expect(page.locator("#classify-many .strip-head")).to_contain_text("3 pictures", timeout=LONG)


def test_paste_and_camera_are_there_and_the_camera_says_what_it_needs(visitor, run, expect):  # noqa: F811
    page = opened(visitor, run)
    expect(page.locator("#classify-insecure p")).to_be_hidden()
    page.get_by_label("Remove Image").click()
    for source in ("Upload file", "Capture from camera", "Paste from clipboard"):
        expect(page.locator("#classify-picture").get_by_label(source).first).to_be_visible()
    page.add_init_script("Object.defineProperty(window, 'isSecureContext', {value: false})")
    page.reload(wait_until="domcontentloaded")
    page.get_by_role("tab", name="Classify").click()
    expect(page.locator("#classify-insecure")).to_contain_text("HTTPS or localhost", timeout=LONG)
    expect(page.locator("#classify-insecure p")).to_be_visible()


def test_many_pictures_weights_and_heat(visitor, run, expect, tmp_path):  # noqa: F811
    page = opened(visitor, run)
    page.locator("#classify-why button").click()
    expect(page.locator("#classify-why .over")).to_be_visible(timeout=LONG)
    page.locator("#classify-why .ask").first.click()
    expect(page.locator("#classify-why")).to_contain_text("end of stage 1", timeout=LONG)
    page.locator("#classify-grades [data-sort]").nth(3).click()
    expect(page.locator("#classify-grades th[aria-sort]")).to_have_count(1)
    page.locator("#classify-grades [data-swap]").click()
    expect(page.locator("#classify-grades [role=gridcell]").first).to_contain_text("95")

    page.locator("#classify-more button").first.click()
    files = {f"{name}/{n}.png": picture(30 * n) for name in ("Bag", "Coat") for n in range(4)}
    page.locator("#classify-files input[type=file]").set_input_files(as_zip(files, tmp_path / "mine.zip"))
    expect(page.locator("#classify-many .headline")).to_contain_text("on 8 pictures of mine.zip", timeout=LONG)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")

    torch.save(build_model("resnet20", num_classes=10, in_channels=1, seed=3).state_dict(), tmp_path / "mine.pth")
    page.locator("#classify-own input[type=file]").set_input_files(tmp_path / "mine.pth")
    expect(page.locator("#classify-own-is")).to_contain_text("This is resnet20", timeout=LONG)
    page.locator("#classify-own-add").click()
    expect(page.locator("#classify-checkpoint input")).to_have_value("mine on Fashion-MNIST · brought", timeout=LONG)
    expect(page.locator("#classify-bars li")).to_have_count(5, timeout=LONG)


def test_a_private_address_is_refused_in_a_sentence(visitor, run, expect):  # noqa: F811
    page = opened(visitor, run)
    page.locator("#classify-more button").first.click()
    page.locator("#classify-address input, #classify-address textarea").first.fill("http://127.0.0.1/secret")
    page.locator("#classify-address-go").click()
    expect(page.locator("[data-testid=toast-body]").first).to_contain_text("leads to no public machine", timeout=LONG)
