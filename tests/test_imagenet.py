"""Torchvision's ImageNet weights: where torch.hub keeps them or fetched, and answering as torchvision's own model."""

from __future__ import annotations

import hashlib
import io
import json
import threading
from types import SimpleNamespace

import numpy as np
import pytest
import test_fetch
import torch
import torchvision
from matplotlib import cbook
from PIL import Image
from test_fetch import server  # noqa: F401
from torchvision.models import get_model_weights

from resnet_demo import imagenet, load_model
from resnet_demo.brought import bring, keep, open_any
from resnet_demo.checkpoint import open_checkpoint, read_card
from resnet_demo.cli import main
from resnet_demo.errors import BadRequest, CheckpointRefused, ClassesDiffer, DataUnavailable, DownloadFailed
from resnet_demo.evaluate import logits, probabilities
from resnet_demo.predict import classify, look, view_for
from resnet_demo.verbs import evaluation

NAME = "resnet18-imagenet"
PHOTO = cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)  # 512 x 600, of Matplotlib's examples
VIEW = torchvision.models.ResNet18_Weights.IMAGENET1K_V1.transforms()


@pytest.fixture(scope="module")
def theirs() -> SimpleNamespace:
    """A ResNet-18 of torchvision's with seeded weights, and its file's bytes."""
    torch.manual_seed(0)
    model = torchvision.models.resnet18(weights=None)
    for module in model.modules():  # spread out, so that the answers to a picture differ
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    torch.nn.init.normal_(model.fc.weight, std=0.3)
    buffer = io.BytesIO()
    state = {name: value for name, value in model.state_dict().items() if not name.endswith("num_batches_tracked")}
    torch.save(state, buffer)
    return SimpleNamespace(model=model.eval(), data=buffer.getvalue())


def named(data: bytes, **changes: object) -> imagenet.WeightFile:
    file = f"resnet18-{hashlib.sha256(data).hexdigest()[:8]}.pth"
    return imagenet.WeightFile("resnet18", file, round(len(data) / 2**20, 3), 0.69758, 0.89078)


@pytest.fixture
def hub_folder(tmp_path, monkeypatch):
    """Where torch.hub keeps weights, in this test; it does not exist yet."""
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.delenv("TORCH_HUB", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("RESNET_DEMO_IMAGENET_URL", "http://127.0.0.1:9/nobody-is-asked")
    monkeypatch.setenv("RESNET_DEMO_TIMEOUT", "0.5")
    monkeypatch.delenv("RESNET_DEMO_OFFLINE", raising=False)
    return tmp_path / "torch" / "hub" / "checkpoints"


@pytest.fixture
def there(hub_folder, theirs, monkeypatch):
    """The same with the weights in it, under the name of torchvision's ResNet-18."""
    weights = named(theirs.data)
    monkeypatch.setitem(imagenet.WEIGHTS, NAME, weights)
    hub_folder.mkdir(parents=True)
    (hub_folder / weights.file).write_bytes(theirs.data)
    return hub_folder / weights.file


@pytest.fixture
def small(hub_folder, server, monkeypatch):  # noqa: F811
    """A file that is to be fetched and never opened: half a megabyte under a name with its checksum."""
    weights = named(test_fetch.CONTENT)
    monkeypatch.setitem(imagenet.WEIGHTS, NAME, weights)

    def serve(how: str) -> imagenet.WeightFile:
        monkeypatch.setenv("RESNET_DEMO_IMAGENET_URL", server.url + how)
        return weights

    return serve


@pytest.mark.parametrize("name", imagenet.WEIGHTS)
def test_the_table_is_torchvisions(name):
    ours = imagenet.WEIGHTS[name]
    official = get_model_weights(ours.model).IMAGENET1K_V1
    assert ours.url == official.url and ours.size_mib == official.meta["_file_size"]
    measured = official.meta["_metrics"]["ImageNet-1K"]
    assert (round(ours.top1 * 100, 3), round(ours.top5 * 100, 3)) == (measured["acc@1"], measured["acc@5"])
    view = official.transforms()
    assert (view.resize_size, view.crop_size) == ([imagenet.SHORT_SIDE], [imagenet.SIDE])
    assert (tuple(view.mean), tuple(view.std)) == (imagenet.MEAN, imagenet.STD)
    assert len(set(imagenet.classes())) == imagenet.CLASSES == ours.spec.num_classes
    card = ours.card()
    assert card["reported"]["accuracy"] == ours.top1 and "test" not in card and card["licence"]


def test_what_torch_hub_has_is_used_and_nobody_is_asked(there, theirs):
    checkpoint = open_checkpoint(NAME)
    assert checkpoint.path == there and checkpoint.name == NAME and not checkpoint.model.training
    assert read_card(there)["classes"][207] == "golden retriever"
    model, card = load_model(NAME)
    assert card["dataset"] == "imagenet" and card["reported"]["n"] == 50_000
    x = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        expected = theirs.model(x)
        assert float((model(x) - expected).abs().max()) < 1e-5 * float(expected.abs().max())


def test_a_photo_is_answered_as_torchvision_answers_it(there, theirs):
    """The same pixels; probabilities within 1e-4 (they differ by the order of a few additions)."""
    checkpoint = open_checkpoint(NAME)
    photo = Image.open(PHOTO).convert("RGB")
    seen = view_for(checkpoint, PHOTO).pixels
    wanted = VIEW(photo)
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (imagenet.MEAN, imagenet.STD))
    assert torch.equal(seen, ((wanted * std + mean) * 255).round().byte())
    with torch.inference_mode():
        expected = theirs.model(wanted[None]).softmax(1)[0]
    (answer,) = classify(checkpoint, [PHOTO])
    best = expected.topk(5)
    assert [name for name, _ in answer.top] == [imagenet.classes()[index] for index in best.indices]
    assert torch.allclose(torch.tensor(answer.probabilities), expected, atol=1e-4)


def test_a_photo_of_a_phone_is_reduced_first_and_differs_little(there):
    """Large pictures are averaged down when they are read, where torchvision scales them in one step."""
    large = Image.open(PHOTO).convert("RGB").resize((2048, 2400), Image.Resampling.BICUBIC)
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (imagenet.MEAN, imagenet.STD))
    wanted = (VIEW(large) * std + mean) * 255
    seen = view_for(open_checkpoint(NAME), large).pixels
    assert float((seen.float() - wanted).abs().mean()) < 1.0


@pytest.mark.parametrize("size", [(600, 500), (500, 601), (256, 256), (90, 40), (224, 224), (1, 1), (333, 77)])
def test_every_size_is_seen_as_torchvision_sees_it(size):
    noise = Image.fromarray(np.random.RandomState(0).randint(0, 256, (*size, 3), dtype=np.uint8))
    crop = torchvision.transforms.Compose([torchvision.transforms.Resize(256), torchvision.transforms.CenterCrop(224)])
    seen = look(noise, (3, 224, 224), short_side=256).pixels
    if max(size) <= 4 * min(size):
        assert np.array_equal(seen.permute(1, 2, 0).numpy(), np.asarray(crop(noise)))
    assert look(noise, (3, 224, 224), "pad", short_side=256).pixels.shape == (3, 224, 224)


def test_the_longest_picture_is_not_enlarged_whole():
    assert look(Image.new("RGB", (2, 200_000), "red"), (3, 224, 224), short_side=256).pixels[0].min() == 255


def test_a_picture_is_answered_the_same_alone_and_in_a_batch(there):
    checkpoint = open_checkpoint(NAME)
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (12, 3, 224, 224), dtype=torch.uint8, generator=generator)
    together, alone = probabilities(checkpoint, images), probabilities(checkpoint, images, batch_size=1)
    assert torch.equal(together.argmax(1), alone.argmax(1)) and float((together - alone).abs().max()) < 1e-5


def test_the_command_line_knows_the_name(there, capsys):
    assert main(["classify", PHOTO, "--checkpoint", NAME, "--top", "3", "--json"]) == 0
    (answer,) = json.loads(capsys.readouterr().out)
    assert len(answer["top"]) == 3 and {row["class"] for row in answer["top"]} <= set(imagenet.classes())


def test_other_data_do_not_fit_and_that_is_one_sentence(there):
    with pytest.raises(ClassesDiffer) as caught:
        evaluation(NAME, "cifar10")  # which is not here, and is not fetched for nothing
    assert "and 988 more" in str(caught.value) and len(str(caught.value)) < 500
    with pytest.raises(DataUnavailable, match="--pictures"):
        evaluation(NAME)


def test_a_file_with_other_contents_is_not_trusted(there):
    there.write_bytes(there.read_bytes()[:-1] + b"!")
    with pytest.raises(CheckpointRefused, match="not those of torchvision's file"):
        open_checkpoint(there)
    with pytest.raises(DownloadFailed, match="cannot be reached"):
        open_checkpoint(NAME)


def test_weights_of_ones_own_for_imagenet_become_a_checkpoint(theirs, tmp_path):
    (tmp_path / "mine.pth").write_bytes(theirs.data)
    brought = bring(tmp_path / "mine.pth", "imagenet")
    keep(tmp_path / "kept.safetensors", brought)
    kept = open_any(tmp_path / "kept.safetensors")
    assert kept.card["short_side"] == 256 and kept.shape == (3, 224, 224)
    x = torch.randint(0, 256, (1, 3, 224, 224), dtype=torch.uint8)
    assert torch.allclose(logits(kept, x), logits(brought, x), atol=1e-5)
    with pytest.raises(BadRequest):
        bring(tmp_path / "mine.pth", "cifar10")


def test_on_first_use_it_is_fetched_with_progress_and_only_once(small, server, hub_folder):  # noqa: F811
    weights, seen = small("good"), []
    path = imagenet.obtain(NAME, lambda what, share: seen.append((what, share)))
    assert path == hub_folder / weights.file and path.read_bytes() == test_fetch.CONTENT
    assert "downloading ResNet-18 for ImageNet (1 MB) from 127.0.0.1" in {what for what, _ in seen}
    threads = [threading.Thread(target=imagenet.obtain, args=(NAME,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert server.asked == [f"/good/{weights.file}"]


def test_two_who_ask_at_once_fetch_once(small, server):  # noqa: F811
    small("good")
    threads = [threading.Thread(target=imagenet.obtain, args=(NAME,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.asked) == 1


FAILURES = {
    "missing": "404", "wrong": "checksum is wrong", "cut": "cut off", "silent": "did not answer in 0.5 s",
    "dripping": "all but stopped", "endless": "more than the file has",
}  # fmt: skip


@pytest.mark.parametrize("how", FAILURES)
def test_a_failed_download_says_what_to_do_instead(small, hub_folder, how):
    weights = small(how)
    with pytest.raises(DownloadFailed) as caught:
        imagenet.obtain(NAME)
    sentence = str(caught.value)
    assert sentence.startswith("ResNet-18 for ImageNet (1 MB) could not be downloaded: ") and FAILURES[how] in sentence
    assert f"put the file {weights.file} from https://download.pytorch.org/models/ into" in sentence
    assert "\n" not in sentence and list(hub_folder.iterdir()) == []


def test_offline_it_says_where_the_file_belongs(small, monkeypatch, capsys):
    weights = small("good")
    monkeypatch.setenv("RESNET_DEMO_OFFLINE", "1")
    assert main(["classify", PHOTO, "--checkpoint", NAME]) == 1
    error = capsys.readouterr().err
    assert "downloads are switched off" in error and weights.file in error and error.count("\n") == 1


def test_a_home_is_not_named(monkeypatch, tmp_path):
    monkeypatch.setattr("pathlib.Path.home", lambda: tmp_path)
    assert imagenet._shown(tmp_path / "cache" / "torch") == "~/cache/torch"
