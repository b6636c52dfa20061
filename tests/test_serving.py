"""What stands before the page on the lab's own server: health, sub-path, proxies, foreign pages, the class's door."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest
from starlette.routing import Mount
from starlette.testclient import TestClient

from app import classroom, parse_arguments
from resnet_demo.runs.classroom import LETTERS, Classroom, make_code
from resnet_demo.ui import serve, sign_in
from resnet_demo.ui.serve import Serving, listen, passing_uploads, serving_from, web_app
from resnet_demo.ui.sign_in import Patience, SignIn
from resnet_demo.ui.who import KEPT, READ_WHO

CODE = "K7PM-3XQD"
PAGE = {"accept": "text/html"}
PROXIED = {"x-forwarded-host": "lab.school.edu", "x-forwarded-proto": "https", "x-forwarded-for": "10.0.0.7"}


def client(*, peer="testclient", base_url="http://lab.test", is_shared=True, **options) -> TestClient:
    """A small page of Gradio's on the lab's own server; the test's own address is a proxy's unless said otherwise."""
    with gr.Blocks() as demo:
        gr.api(_me, api_name="me")
    lab = SimpleNamespace(scheduler=SimpleNamespace(load=(1, 2)), classroom=Classroom(is_shared=is_shared))
    app = web_app(lab, demo, Serving(**{"proxies": ("testclient",), **options}))
    return TestClient(app, base_url=base_url, follow_redirects=False, client=(peer, 1))


def _me(request: gr.Request = None) -> str:
    """Who asks."""
    return f"{request.username} from {request.client.host}"


@pytest.fixture(scope="module")
def plain():
    with client() as plain:
        yield plain


@pytest.fixture(scope="module")
def door():
    with client(class_code=CODE, root_path="/lab") as door:
        yield door


@pytest.fixture(autouse=True)
def nobody(request):
    for name in {"plain", "door"} & set(request.fixturenames):
        request.getfixturevalue(name).cookies.clear()


class TestOwnServer:
    def test_health_is_told_from_memory(self, plain):
        answer = plain.get("/healthz")
        assert answer.status_code == 200 and answer.headers["cache-control"] == "no-store"
        told = answer.json()
        assert (told["status"], told["training"], told["waiting"]) == ("ok", 1, 2) and told["version"]

    def test_other_sites_pages_get_nothing(self, plain):
        foreign = {"origin": "https://evil.example", "access-control-request-method": "POST"}
        assert plain.options("/gradio_api/upload", headers=foreign).status_code == 400
        assert plain.post("/gradio_api/upload", headers={"origin": "https://evil.example"}).status_code == 403
        assert plain.post("/gradio_api/upload", headers={"origin": "null"}).status_code == 403
        read = plain.get("/config", headers={"origin": "https://evil.example"})
        assert "access-control-allow-origin" not in read.headers
        own = plain.post("/gradio_api/upload", headers={"origin": "http://lab.test"})
        assert own.status_code == 400  # it came through: there was nothing to upload

    def test_an_origin_that_is_named_may_talk_to_the_lab(self):
        with client(origins=("https://moodle.school.edu",)) as lab:
            asks = {"origin": "https://moodle.school.edu", "access-control-request-method": "POST"}
            assert lab.options("/gradio_api/upload", headers=asks).status_code == 200
            assert lab.post("/gradio_api/upload", headers={"origin": asks["origin"]}).status_code == 400

    def test_the_same_limits_as_under_launch(self, plain):
        app = plain.app
        assert plain.get("/openapi.json").status_code == plain.get("/docs").status_code == 404
        assert plain.get("/monitoring").status_code in (403, 404)
        too_large = plain.post("/gradio_api/upload", headers={"content-length": "999000000"}, content=b"")
        assert too_large.status_code == 413
        page = next(route.app for route in app.routes if isinstance(route, Mount))
        while not hasattr(page, "get_blocks"):
            page = page.app
        blocks = page.get_blocks()
        assert (blocks.max_file_size, blocks.show_error, blocks.enable_monitoring) == (200 * 1024**2, False, False)
        assert page.state_holder.capacity == 64 and not blocks.run_history


class TestBehindAProxy:
    @pytest.mark.parametrize("path", ["/lab/", "/"])
    def test_the_sub_path_may_be_stripped_or_not(self, path):
        with client(root_path="/lab") as lab:
            root = lab.get(f"{path}config", headers=PROXIED).json()["root"]
            assert root == "https://lab.school.edu/lab"
            assert lab.get("/lab").headers["location"] == "/lab/"
            assert lab.get("/lab/healthz").status_code == lab.get("/healthz").status_code == 200
            assert lab.get("/labels").status_code == 404

    def test_strangers_are_not_believed(self):
        with client(peer="10.9.9.9") as lab:
            assert lab.get("/config", headers=PROXIED).json()["root"] == "http://lab.test"
            assert lab.get("/config", headers={"x-gradio-server": "http://evil"}).json()["root"] == "http://lab.test"
            refused = lab.post("/gradio_api/upload", headers={**PROXIED, "origin": "https://lab.school.edu"})
            assert refused.status_code == 403

    def test_who_is_alone_is_served_on_this_machines_own_names(self):
        for base_url, status in (("http://localhost:7860", 400), ("http://[::1]:7860", 400), ("http://evil.test", 403)):
            with client(base_url=base_url, is_shared=False) as lab:
                assert lab.post("/gradio_api/upload", headers={"origin": base_url}).status_code == status
        with client(is_shared=False, origins=("http://lab.test",)) as lab:
            assert lab.post("/gradio_api/upload", headers={"origin": "http://lab.test"}).status_code == 400

    def test_addresses_that_are_none_are_foreign(self, plain, door):
        assert plain.post("/gradio_api/upload", headers={"origin": "http://["}).status_code == 403
        assert door.get("/login?next=//[").status_code == 200

    def test_a_proxys_page_is_the_labs_own(self, plain):
        asked = plain.post("/gradio_api/upload", headers={**PROXIED, "origin": "https://lab.school.edu"})
        assert asked.status_code == 400

    def test_whom_to_believe_comes_from_the_command_line_or_uvicorns_variable(self):
        chosen = serving_from(parse_arguments(["--proxy", "10.0.0.0/8", "--proxy", "::1"]), {})
        assert chosen.proxies == ("10.0.0.0/8", "::1")
        assert serving_from(parse_arguments([]), {"FORWARDED_ALLOW_IPS": "10.1.1.1, 10.1.1.2"}).proxies[1] == "10.1.1.2"
        assert serving_from(parse_arguments([]), {}).proxies == ("127.0.0.1", "::1")


class TestTheDoor:
    def enter(self, door, code=CODE, name="Ada", **more):
        return door.post("/login", data={"username": name, "password": code, **more})

    def test_pages_go_to_sign_in_and_programs_are_told(self, door):
        asked = door.get("/lab/zh?lesson=3&code=k7pm", headers=PAGE)
        assert asked.status_code == 303
        assert asked.headers["location"] == "/lab/login?code=k7pm&next=%2Fzh%3Flesson%3D3"
        page = door.get(asked.headers["location"])
        assert 'value="k7pm"' in page.text and 'value="/zh?lesson=3"' in page.text and 'lang="zh-CN"' in page.text
        assert 'action="/lab/login"' in page.text
        refused = door.get("/config")
        assert refused.status_code == 401 and "sign in" in refused.json()["error"]
        for path in ("/gradio_api/upload", "/gradio_api/call/me", "/gradio_api/queue/join"):
            assert door.post(path, json={"data": []}).status_code == 401
        assert door.get("/healthz").status_code == 200

    def test_the_code_and_a_name_open_it(self, door):
        entered = self.enter(door, code="k7pm3xqd", next="/?lesson=3")
        assert (entered.status_code, entered.headers["location"]) == (303, "/lab/?lesson=3")
        cookie = entered.headers["set-cookie"].lower()
        assert all(word in cookie for word in ("httponly", "samesite=lax", "path=/lab")) and "secure" not in cookie
        door.cookies.clear()
        name = entered.headers["set-cookie"].split(";")[0].split("=", 1)
        door.cookies.set(*name, domain="lab.test", path="/")
        assert door.get("/lab/", headers=PAGE).status_code == 200
        asked = door.post("/gradio_api/run/me", json={"data": []})
        assert asked.json()["data"][0].startswith("Ada from ")

    def test_a_seal_of_another_code_or_name_opens_nothing(self, door):
        own = SignIn(CODE)
        word, _, seal = own.sealed("Ada").partition(".")
        bob = own.sealed("Bob").partition(".")[0]
        forged = [SignIn("another code").sealed("Ada"), f"{word}.", "x.y", f"{bob}.{seal}", ""]
        for value in forged:
            door.cookies.set(own.cookie, value, domain="lab.test", path="/")
            assert door.get("/config").status_code == 401
            door.cookies.clear()
        assert SignIn("K7PM 3xqd").cookie == own.cookie and SignIn("K7PM-3XQE").cookie != own.cookie

    def test_behind_tls_the_cookie_is_for_tls_only(self, door):
        entered = door.post("/login", data={"username": "A", "password": CODE, "next": "/"}, headers=PROXIED)
        assert "secure" in entered.headers["set-cookie"].lower()

    def test_wrong_codes_and_no_names_are_told_on_the_page_or_as_json(self, door):
        wrong = self.enter(door, code="nonsense", next="/")
        assert wrong.status_code == 401 and "Have another look" in wrong.text and 'value="Ada"' in wrong.text
        assert "set-cookie" not in wrong.headers
        assert "Have another look" in self.enter(door, code="").json()["error"]
        assert self.enter(door, name=" \n\x00").status_code == 400
        assert self.enter(door, name="<b>&'\"", code="x", next="/").text.count("<b>") == 0

    @pytest.mark.parametrize("after", ["//evil.example", "https://evil.example", "/\\evil", "javascript:x", "/a\nb: c"])
    def test_nobody_is_sent_elsewhere(self, door, after):
        assert self.enter(door, next=after).headers["location"] == "/lab/"

    def test_leaving_takes_the_cookie_back(self, door):
        left = door.get("/logout")
        assert "max-age=0" in left.headers["set-cookie"].lower() and 'url=/lab/login"' in left.text
        assert f'removeItem("{KEPT}")' in left.text and KEPT in READ_WHO  # the secret that makes runs theirs goes too

    def test_large_forms_are_not_read(self, door):
        assert self.enter(door, name="x" * 5000).status_code == 401

    def test_guessing_is_slow(self, monkeypatch):
        now = [0.0]
        patience = Patience(lambda: now[0])
        for _ in range(sign_in.WRONG_ALLOWED):
            assert not patience.is_over("a")
            patience.note("a")
        assert patience.is_over("a") and not patience.is_over("b")
        now[0] = sign_in.WITHIN_SECONDS + 1
        assert not patience.is_over("a")
        for i in range(2 * sign_in.MOST_ADDRESSES):
            patience.note(f"{i}")
        assert len(patience._wrong) == sign_in.MOST_ADDRESSES

    def test_whoever_guessed_too_often_is_not_heard_with_the_right_code(self):
        with client(class_code=CODE) as lab:
            codes = [f"wrong{i}" for i in range(sign_in.WRONG_ALLOWED)]
            assert {self.enter(lab, code).status_code for code in codes} == {401}
            assert self.enter(lab).status_code == 429
            elsewhere = lab.post("/login", data={"username": "A", "password": CODE}, headers=PROXIED)
            assert elsewhere.json() == {"success": True}

    def test_codes_that_are_made_up_can_be_read_aloud(self):
        codes = {make_code() for _ in range(50)}
        assert len(codes) == 50 and all(len(code) == 9 and set(code) <= set(LETTERS + "-") for code in codes)


class TestOptions:
    def test_a_class_code_is_the_one_said_the_environments_or_made_up(self, monkeypatch, capsys):
        for name in ("RESNET_DEMO_CLASS_CODE", "SPACE_ID", "GRADIO_SHARE", "GRADIO_SERVER_NAME"):
            monkeypatch.delenv(name, raising=False)
        assert parse_arguments([]).class_code is None
        options = parse_arguments(["--class-code"])
        assert classroom(options).is_shared and f"Class code: {options.class_code}" in capsys.readouterr().out
        monkeypatch.setenv("RESNET_DEMO_CLASS_CODE", "chalk-dust")
        assert serving_from(parse_arguments([])).class_code == "chalk-dust"
        assert serving_from(parse_arguments(["--class-code", "other-code"])).class_code == "other-code"
        assert "chalk" not in repr(Serving(class_code="chalk-dust"))

    def test_limits(self, monkeypatch):
        for name in ("SPACE_ID", "GRADIO_SHARE", "GRADIO_SERVER_NAME", "RESNET_DEMO_CLASS_CODE"):
            monkeypatch.delenv(name, raising=False)
        room = classroom(parse_arguments(["--longest-run", "120", "--line", "5", "--disk-gb", "2", "--host", "0"]))
        assert (room.limits.longest_seconds, room.limits.line, room.limits.per_person) == (120, 5, 1)
        assert room.disk_gb == 2
        assert classroom(parse_arguments(["--root-path", "/lab"])).is_shared
        for name in ("GRADIO_ROOT_PATH", "FORWARDED_ALLOW_IPS"):
            monkeypatch.delenv(name, raising=False)
        assert not classroom(parse_arguments([])).is_shared
        for name, value in (("GRADIO_ROOT_PATH", "/lab"), ("FORWARDED_ALLOW_IPS", "10.0.0.1")):
            with monkeypatch.context() as said:
                said.setenv(name, value)
                assert classroom(parse_arguments([])).is_shared

    @pytest.mark.parametrize(
        "words",
        [
            "--tls-cert x",
            "--tls-cert x --tls-key y",
            "--class-code abc",
            "--disk-gb -1",
            "--line -1",
            "--longest-run 0",
        ],
    )
    def test_nonsense_is_refused(self, words, capsys):
        with pytest.raises(SystemExit):
            parse_arguments(words.split())
        assert "error:" in capsys.readouterr().err

    def test_gradios_variables_are_heard(self):
        heard = serving_from(parse_arguments([]), {"GRADIO_SERVER_NAME": "0.0.0.0", "GRADIO_ROOT_PATH": "lab/"})
        assert (heard.host, heard.root_path, heard.address(80)) == ("0.0.0.0", "/lab", "http://localhost:80/lab")
        said = serving_from(parse_arguments(["--host", "[::1]", "--root-path", "/"]), {"GRADIO_ROOT_PATH": "/lab"})
        assert (said.host, said.root_path, said.address(80)) == ("::1", "", "http://[::1]:80")

    def test_the_first_free_port_is_taken(self, monkeypatch):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            monkeypatch.setenv("GRADIO_SERVER_PORT", str(port))
            with listen(Serving()) as found:
                assert found.getsockname()[1] > port
            with pytest.raises(OSError, match=f"port {port}: it is taken"):
                listen(Serving(port=port))

    def test_a_space_and_a_public_link_keep_gradios_launch(self, monkeypatch):
        for name in ("SPACE_ID", "GRADIO_SHARE"):
            monkeypatch.delenv(name, raising=False)
        assert not serve.is_plain_launch(None) and serve.is_plain_launch(True)
        monkeypatch.setenv("SPACE_ID", "ann/lab")
        assert serve.is_plain_launch(None)
        launched = {}
        demo = SimpleNamespace(launch=lambda **options: launched.update(options))
        monkeypatch.setattr(serve, "build_app", lambda lab: demo)
        monkeypatch.setattr(serve.signal, "signal", lambda *_: None)
        lab = SimpleNamespace(root=Path("nowhere"), scheduler=SimpleNamespace(close=lambda patience: None))
        assert serve.run(lab, Serving(class_code=CODE), None) == 0
        assert launched["ssr_mode"] is False and launched["auth"]("Ada", "k7pm 3xqd")
        assert not launched["auth"]("Ada", "x") and not launched["auth"](" ", CODE)

    def test_uploads_go_with_the_server(self, monkeypatch):
        monkeypatch.delenv("GRADIO_TEMP_DIR", raising=False)
        with passing_uploads():
            folder = Path(os.environ["GRADIO_TEMP_DIR"])
            (folder / "x").write_text("x")
        assert not folder.exists() and "GRADIO_TEMP_DIR" not in os.environ
