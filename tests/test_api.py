"""Every endpoint, called as another program would: with gradio_client over HTTP."""

from __future__ import annotations

import time

import pytest
from PIL import Image

pytestmark = pytest.mark.slow
ENDED = ("finished", "stopped", "failed", "interrupted")


@pytest.fixture(scope="module")
def client(server):
    from gradio_client import Client

    return Client(server.url, verbose=False)


@pytest.fixture(scope="module")
def trained(client):
    """A run of eight steps, to its end."""
    started = client.predict(
        model="resnet9-slim", dataset="fashion-mnist-small", max_steps=8, batch_size=32, seed=1, api_name="/start_run"
    )
    return wait_for(client, started["id"])


def wait_for(client, run_id, states=ENDED, seconds=180.0):
    deadline = time.monotonic() + seconds
    while True:
        status = client.predict(run=run_id, api_name="/run_status")
        if status["status"] in states:
            return status
        assert time.monotonic() < deadline, status
        time.sleep(0.5)


def test_the_endpoints_are_these(client):
    names = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert set(names) == {
        f"/{name}"
        for name in (
            "models", "layers", "datasets", "runs", "start_run", "run_status", "stop_run", "classify", "evaluate",
        )
    }  # fmt: skip


def test_models_layers_and_datasets(client):
    models = {row["name"]: row for row in client.predict(api_name="/models")}
    assert models["resnet20"]["params"] == 269_722
    table = client.predict(model="resnet18", input="3,224,224", api_name="/layers")
    assert table["total_params"] == 11_689_512 and table["rows"][0]["name"] == "conv1"
    assert {row["name"]: row["available"] for row in client.predict(api_name="/datasets")}["fashion-mnist-small"]


def test_a_run_from_start_to_test(client, trained):
    assert trained["status"] == "finished" and trained["step"] == 8 and trained["stop_reason"] == "steps"
    assert 0 <= trained["test_accuracy"] <= 1 and trained["checkpoint"] == trained["id"]
    assert trained["id"] in [row["id"] for row in client.predict(api_name="/runs")]


def test_classify_an_uploaded_picture(client, trained, tmp_path):
    from gradio_client import handle_file

    path = tmp_path / "grey.png"
    Image.new("L", (40, 30), 90).save(path)
    (answer,) = client.predict(
        images=[handle_file(str(path))], checkpoint=trained["checkpoint"], top=3, api_name="/classify"
    )
    assert answer["image"] == "grey.png" and len(answer["top"]) == 3
    assert answer["top"][0]["probability"] >= answer["top"][1]["probability"]


def test_evaluate_gives_the_test_s_accuracy(client, trained):
    result = client.predict(checkpoint=trained["checkpoint"], api_name="/evaluate")
    assert result["n"] == 2000 and len(result["confusion"]) == 10
    assert result["accuracy"] == pytest.approx(trained["test_accuracy"], abs=1e-6)


def test_stop(client):
    started = client.predict(model="resnet9-slim", dataset="fashion-mnist-small", seconds=120, api_name="/start_run")
    wait_for(client, started["id"], ("running",))
    client.predict(run=started["id"], api_name="/stop_run")
    assert wait_for(client, started["id"])["status"] == "stopped"


@pytest.mark.parametrize("endpoint, request_, sentence", [
    ("/layers", {"model": "resnet21"}, "There is no model called “resnet21”"),
    ("/layers", {"input": "big"}, "input cannot be"),
    ("/start_run", {"dataset": "/etc"}, "There is no data set called"),
    ("/start_run", {"max_steps": -3}, "steps cannot be"),
    ("/start_run", {"seconds": "long"}, "seconds cannot be long"),
    ("/run_status", {"run": "../../etc"}, "There is no run"),
    ("/stop_run", {"run": "nobody"}, "There is no run"),
    ("/evaluate", {"checkpoint": "/etc/passwd"}, "There is no checkpoint"),
    ("/classify", {"images": [{"path": "/etc/passwd"}], "checkpoint": "x"}, "was not uploaded"),
])  # fmt: skip
def test_what_is_wrong_is_a_sentence(client, endpoint, request_, sentence):
    from gradio_client.exceptions import AppError

    with pytest.raises(AppError, match=sentence):
        client.predict(**request_, api_name=endpoint)
