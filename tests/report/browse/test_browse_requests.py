"""What the server answers to whom: without a browser, request by request."""

from __future__ import annotations

import sys
import time

import pytest
from folders import write_folder
from make_records import make_records

from nas.errors import NasError
from nas.report.browse.details import Details, Text
from nas.report.browse.guard import COOKIE, TOKEN_HEADER, Guard, is_loopback
from nas.report.browse.jobs import Action, Jobs
from nas.report.browse.serve import _listen, serve
from nas.report.browse.sources import find_sources

pytest.importorskip("dash")
PORT = 8765
HERE = {"Host": f"127.0.0.1:{PORT}"}


def refuse(results, record):
    raise NasError("<b>no</b>")


def details():
    argv = lambda folder, trial: ["-c", f"print({folder.name!r}, {trial!r})"]  # noqa: E731
    return Details(
        stages=lambda results, record: [],
        texts={"yaml": Text("YAML", "", lambda results, record: f"trial {record.trial}"), "no": Text("No", "", refuse)},
        actions={
            "say": Action("say", "Say", "", argv),
        },
    )


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("all") / "results" / "quickstart", make_records(0, 12, 20))


@pytest.fixture
def jobs():
    made = Jobs([sys.executable])
    yield made
    made.close()


@pytest.fixture
def ask(study, jobs):
    """`ask(method, path, headers, **rest)` of a server without a password; `ask.guard` is its guard."""
    return asker(study, jobs, Guard("127.0.0.1", PORT))


def asker(study, jobs, guard):
    from nas.report.browse.app import make_app

    client = make_app(find_sources([study.parent]), details(), jobs, guard).test_client()

    def ask(method, path, headers=HERE, **rest):
        return client.open(path, method=method, headers=headers, **rest)

    ask.guard = guard
    return ask


def start(ask, headers=None, **data):
    data = {"action": "say", "study": "quickstart", "trial": "0", **data}
    sent = HERE | {TOKEN_HEADER: ask.guard.token} if headers is None else headers
    return ask("POST", "/jobs", sent, json=data)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_the_page_is_given_to_this_machine_under_its_own_names(ask, host):
    assert ask("GET", "/", {"Host": f"{host}:{PORT}"}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example:8765", "127.0.0.1:80", "127.0.0.1", "evil.example", "127.0.0.1.evil.example:8765"]
)
@pytest.mark.parametrize("path", ["/", "/state", "/columns/quickstart", "/own/browse.js", "/token"])
def test_another_name_is_refused_everywhere(ask, host, path):
    assert ask("GET", path, {"Host": host}).status_code == 421


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize("path", ["/jobs", "/jobs/1/cancel", "/login", "/_dash-update-component"])
def test_nothing_is_changed_for_another_page_even_with_the_token(ask, path, headers):
    answer = ask("POST", path, HERE | headers | {TOKEN_HEADER: ask.guard.token}, json={})
    assert answer.status_code == 403


def test_an_action_needs_the_token_of_this_run(ask, jobs):
    assert start(ask, HERE).status_code == 403
    assert start(ask, HERE | {TOKEN_HEADER: Guard("127.0.0.1", PORT).token}).status_code == 403
    assert ask("POST", "/jobs/1/cancel").status_code == 403
    assert jobs.list() == []
    assert start(ask).status_code == 200
    assert len(jobs.list()) == 1


def test_an_action_runs_its_command_and_its_output_is_shown(ask, jobs):
    start(ask)
    until = time.monotonic() + 20
    while (job := ask("GET", "/state").json["jobs"][0])["state"] in ("waiting", "running") and time.monotonic() < until:
        time.sleep(0.02)
    assert (job["state"], job["code"], job["output"]) == ("done", 0, "quickstart 0\n")
    assert job["title"] == "Say: quickstart, trial 0"


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"action": "none"}, 404),
        ({"study": "../results/quickstart"}, 404),
        ({"study": "/etc"}, 404),
        ({"trial": "../0"}, 404),
        ({"trial": "0; rm -rf /"}, 404),
        ({"trial": 0}, 200),
        ({"trial": None}, 404),
        ({"study": ["quickstart"]}, 404),
    ],
)
def test_studies_trials_and_actions_are_looked_up_and_never_made_of_what_is_sent(ask, asked, code):
    assert start(ask, **asked).status_code == code


def test_a_body_that_is_no_mapping_is_refused(ask):
    headers = HERE | {TOKEN_HEADER: ask.guard.token}
    assert ask("POST", "/jobs", headers, json=[1]).status_code == 404
    assert ask("POST", "/jobs", headers, data="{").status_code == 404
    assert ask("POST", "/jobs", headers, data=b"x" * (2 << 20)).status_code in (404, 413)


@pytest.mark.parametrize("path", ["/jobs", "/jobs/1/cancel"])
def test_reading_starts_nothing(ask, jobs, path):
    ask("GET", path, HERE | {TOKEN_HEADER: ask.guard.token})
    assert jobs.list() == []


@pytest.mark.parametrize(
    "path",
    [
        "/columns/..%2f..%2fetc",
        "/columns/none",
        "/parallel/none",
        "/own/..%2fapp.py",
        "/own/none",
        "/text/none?study=quickstart&trial=0",
    ],
)
def test_what_is_not_there_is_not_found(ask, path):
    assert ask("GET", path).status_code == 404


@pytest.mark.parametrize(
    "path", ["/../study.yaml", "/results/quickstart/study.yaml", "/%2e%2e/%2e%2e/etc/passwd", "/trials/"]
)
def test_no_file_of_a_folder_is_served(ask, path):
    assert b"objectives:" not in ask("GET", path).data
    assert b"root:" not in ask("GET", path).data


def test_every_answer_has_the_headers_that_keep_others_out(ask):
    for path in ("/", "/state", "/own/browse.js", "/columns/none", "/_dash-layout"):
        sent = ask("GET", path).headers
        policy = sent["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self' 'sha256-" in policy
        assert "unsafe-eval" not in policy
        assert "'unsafe-inline'" not in policy.partition("script-src")[2]
        assert "frame-ancestors 'none'" in policy
        assert sent["X-Frame-Options"] == "DENY"
        assert sent["X-Content-Type-Options"] == "nosniff"
        assert "Access-Control-Allow-Origin" not in sent
    assert "http" not in policy


def test_the_page_names_no_other_host(ask):
    text = ask("GET", "/").text
    assert "https://" not in text
    assert "//cdn" not in text


def test_a_text_and_why_there_is_none(ask):
    assert ask("GET", "/text/yaml?study=quickstart&trial=0").text == "trial 0"
    answer = ask("GET", "/text/no?study=quickstart&trial=0")
    assert (answer.status_code, answer.json["error"]) == (409, "<b>no</b>")
    assert "<b>" not in answer.text


def test_a_password_is_asked_for_and_opens_a_session(study, jobs, monkeypatch):
    monkeypatch.setattr("nas.report.browse.guard.DELAY_S", 0.0)
    ask = asker(study, jobs, Guard("0.0.0.0", PORT, "open sesame"))
    assert ask("GET", "/").headers["Location"] == "/login"
    for path in ("/state", "/columns/quickstart", "/token", "/_dash-layout", "/own/browse.js"):
        assert ask("GET", path).status_code == 401
    assert start(ask).status_code == 401
    assert "password" in ask("GET", "/login").text
    wrong = ask("POST", "/login", HERE, data={"password": "wrong"})
    assert wrong.status_code == 403
    assert "Set-Cookie" not in wrong.headers
    right = ask("POST", "/login", HERE, data={"password": "open sesame"})
    cookie = right.headers["Set-Cookie"]
    assert COOKIE in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert ask("GET", "/state").status_code == 200
    forged = asker(study, jobs, ask.guard)
    assert forged("GET", "/state", HERE | {"Cookie": f"{COOKIE}=\u00e9"}).status_code == 401
    assert forged("GET", "/state", HERE | {"Cookie": f"{COOKIE}=forged"}).status_code == 401


def test_a_server_for_others_answers_to_addresses_and_its_name_but_not_to_any_name(study, jobs):
    guard = Guard("0.0.0.0", PORT, "x")
    assert guard.host_allowed(f"192.0.2.7:{PORT}")
    assert not guard.host_allowed(f"evil.example:{PORT}")


@pytest.mark.parametrize(
    ("host", "alone"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("example.org", False)],
)
def test_which_hosts_only_this_machine_reaches(host, alone):
    assert is_loopback(host) == alone


def test_the_usual_port_may_be_left_out():
    assert Guard("127.0.0.1", 80).host_allowed("localhost")
    assert Guard("::1", 80).host_allowed("[::1]")
    assert not Guard("127.0.0.1", 80).host_allowed("evil.example")


def test_columns_tell_the_stamp_of_what_they_are_from(ask):
    ask("GET", "/columns/quickstart")
    (study,) = ask("GET", "/state").json["studies"]
    assert ask("GET", "/columns/quickstart").headers["Nas-Stamp"] == study["stamp"]


def test_a_host_for_others_needs_a_password(study, jobs):
    with pytest.raises(NasError, match="a password must be set"):
        serve(find_sources([study]), details(), jobs, host="0.0.0.0", port=0, password="", ready=print)


def test_a_port_in_use_gives_way_to_the_next_free_one():
    with _listen("127.0.0.1", 0) as first:
        taken = first.getsockname()[1]
        with _listen("127.0.0.1", taken) as second:
            assert taken < second.getsockname()[1] <= taken + 20


def test_a_host_that_is_not_this_machine_s_is_an_error():
    with pytest.raises(NasError, match="--host must be"):
        _listen("no.such.host.invalid", 0)
