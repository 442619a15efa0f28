"""What the server answers, and to whom: asked over its real socket."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from pbtune.reporting.web.guard import HEADERS
from pbtune.testing.hostile_run import FORMULA, METRIC, SCRIPT
from pbtune.testing.made_run import MadeRun

METHODS = ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get")
ESCAPES = (
    "/static/../server.py",
    "/static/%2e%2e/server.py",
    "/static/%2e%2e%2fserver.py",
    "/static/%252e%252e%252fserver.py",
    "/static/..%5cserver.py",
    "/static/vendor/uPlot.LICENSE",
    "/static//etc/passwd",
    "/static/app.js%00.css",
    "/static/",
    "/static",
    "/api/runs/..",
    "/api/runs/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "/api/runs/eight",
    "/api/runs/%00",
    "/../../etc/passwd",
    "//etc/passwd",
    "/api/",
    "/docs",
    "/openapi.json",
)


def raw(server, text):
    """The whole answer to bytes that no client library would send."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(text.encode("latin-1"))
        answer = b""
        while block := connection.recv(65536):
            answer += block
    return answer


def status(answer):
    return int(answer.split(b" ", 2)[1])


def asked(server, method, path, **headers):
    """(status, headers, body), without what httpx would put right by itself."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.putrequest(method, path, skip_host="Host" in headers)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def addresses(server):
    """One of each kind."""
    run = server.run_path("eight")
    return (
        *("/", "/static/app.js", "/login", "/nothing", "/api/runs", run, f"{run}/curves"),
        *(f"{run}/schedules", f"{run}/members/0", f"{run}/members/0/schedule.json"),
        f"{run}/members/0/schedule.csv",
    )


def test_only_names_of_this_server_are_answered(dashboard):
    port, secret = dashboard.port, {"Authorization": f"Bearer {dashboard.token}"}
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"[::1]:{port}", f"LOCALHOST:{port}"):
        assert asked(dashboard, "GET", "/api/runs", Host=host, **secret)[0] == 200
    strangers = (
        *("evil.example", f"evil.example:{port}", "127.0.0.1", f"127.0.0.1:{port + 1}"),
        *(f"127.0.0.1.evil.example:{port}", f"localhost.:{port}", f"0.0.0.0:{port}", ""),
        *(f"127.0.0.1:{port}@evil.example", f"2130706433:{port}", f"evil.example#127.0.0.1:{port}"),
    )
    for host in strangers:
        for path in ("/", "/static/app.js", "/api/runs", "/nothing"):
            assert asked(dashboard, "GET", path, Host=host, **secret)[0] == 421, (host, path)


def test_a_host_in_two_headers_or_in_none_is_refused(dashboard):
    host = f"Host: 127.0.0.1:{dashboard.port}\r\n"
    end = "Connection: close\r\n\r\n"
    for text in ("GET / HTTP/1.1\r\n", f"GET / HTTP/1.1\r\n{host}Host: evil.example\r\n"):
        assert status(raw(dashboard, f"{text}{end}")) in {400, 421}
    assert status(raw(dashboard, f"GET / HTTP/1.0\r\n{end}")) == 421
    absolute = f"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n{end}"
    assert status(raw(dashboard, absolute)) == 421


def test_only_get_and_head_are_answered(dashboard):
    secret = {"Authorization": f"Bearer {dashboard.token}"}
    for path in addresses(dashboard):
        for method in METHODS:
            code, headers, _ = asked(dashboard, method, path, **secret)
            assert code in {405, 400}, (method, path)
            assert code == 400 or headers["Allow"] == "GET, HEAD"
        got = asked(dashboard, "GET", path, **secret)
        head = asked(dashboard, "HEAD", path, **secret)
        assert head[0] == got[0]
        assert head[2] == b""


def test_without_the_token_there_is_only_the_empty_page(dashboard):
    for path in addresses(dashboard):
        is_open = path in {"/", "/static/app.js"}
        assert asked(dashboard, "GET", path)[0] == (200 if is_open else 401), path
    run = dashboard.run_path("eight")
    for given in ("", "x", dashboard.token[:-1], f"{dashboard.token}x", "é"):
        assert asked(dashboard, "GET", run, Authorization=f"Bearer {given}")[0] == 401
        cookie = f"pbtune_{dashboard.port}={given}"
        assert asked(dashboard, "GET", run, Cookie=cookie.encode("utf-8"))[0] == 401
    for query in (f"?token={dashboard.token}", f"?t={dashboard.token}"):
        assert asked(dashboard, "GET", f"{run}{query}")[0] == 401
    other_port = f"pbtune_{dashboard.port + 1}={dashboard.token}"
    assert asked(dashboard, "GET", run, Cookie=other_port)[0] == 401


def test_the_token_is_changed_for_a_cookie_that_no_script_and_no_other_site_can_use(dashboard):
    secret = {"Authorization": f"Bearer {dashboard.token}"}
    code, headers, _ = asked(dashboard, "GET", "/login", **secret)
    name, *flags = headers["Set-Cookie"].split("; ")
    assert code == 204
    assert name == f"pbtune_{dashboard.port}={dashboard.token}"
    assert {it.lower() for it in flags} == {"httponly", "path=/", "samesite=strict"}
    assert asked(dashboard, "GET", "/api/runs", Cookie=name)[0] == 200


def test_other_sites_are_refused_even_with_the_token(dashboard):
    secret = {"Authorization": f"Bearer {dashboard.token}"}
    run = dashboard.run_path("eight")
    for headers in (
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": f"https://127.0.0.1:{dashboard.port}"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        for path in (run, f"{run}/events"):
            assert asked(dashboard, "GET", path, **headers, **secret)[0] == 403, headers
    own = {"Origin": dashboard.base, "Sec-Fetch-Site": "same-origin"}
    assert asked(dashboard, "GET", run, **own, **secret)[0] == 200


def test_every_answer_has_the_headers_that_keep_text_from_becoming_a_program(dashboard):
    secret = {"Authorization": f"Bearer {dashboard.token}"}
    seen = set()
    for path, method, headers in (
        *((path, "GET", secret) for path in addresses(dashboard)),
        ("/api/runs", "GET", {}),
        ("/api/runs", "POST", secret),
        ("/api/runs", "GET", {"Host": "evil.example"}),
        ("/api/runs", "GET", {"Origin": "null", **secret}),
        ("/nothing", "GET", secret),
        (f"{dashboard.run_path('broken')}", "GET", secret),
    ):
        code, found, _ = asked(dashboard, method, path, **headers)
        seen.add(code)
        assert {name: found[name] for name in HEADERS} == HEADERS, path
        assert not [it for it in found if it.lower().startswith("access-control")]
        assert "Server" not in found
    assert seen == {200, 204, 401, 403, 404, 405, 421}
    policy = HEADERS["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy


def test_no_address_reaches_a_file(dashboard, folder):
    secret = {"Authorization": f"Bearer {dashboard.token}"}
    for path in ESCAPES:
        code, _, body = asked(dashboard, "GET", path, **secret)
        assert code == 404, path
        assert json.loads(body) == {"error": 404}
    run = dashboard.run_path("eight")
    for member in (
        "-1",
        "8",
        "999999999999999999999",
        "t0",
        "0.0",
        "%2e%2e",
        "٣",
        "0x1",
        "9" * 5000,
    ):
        answer = dashboard.get(f"{run}/members/{member}")
        assert answer.status_code == 404, member
        assert str(folder) not in answer.text
    for query in ("metric=99", "metric=-1"):
        assert dashboard.get(f"{run}/curves?{query}").status_code == 404
    for query in ("metric=x", "metric=1e3", "also=1;drop", "metric=" + "9" * 40):
        assert dashboard.get(f"{run}/curves?{query}").status_code == 400


def test_requests_have_no_body_and_short_heads(dashboard):
    own = f"Host: 127.0.0.1:{dashboard.port}\r\nConnection: close\r\n"
    for extra in ("Content-Length: 5\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"):
        assert status(raw(dashboard, f"GET / HTTP/1.1\r\n{own}{extra}")) == 413
    for long in (
        f"GET / HTTP/1.1\r\n{own}X: {'x' * 20_000}\r\n\r\n",
        f"GET /?{'x' * 20_000} HTTP/1.1\r\n{own}\r\n",
        f"GET / HTTP/1.1\r\n{own}" + "X: y\r\n" * 5_000 + "\r\n",
    ):
        assert status(raw(dashboard, long)) in {400, 431}
    for text in (
        "\x16\x03\x01\x02\x00\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\nConnection: close\r\n\r\n",
    ):
        assert b"Traceback" not in raw(dashboard, text)
    assert dashboard.get("/api/runs").status_code == 200


def test_a_run_that_cannot_be_read_tells_nothing_of_this_machine(dashboard, folder):
    rows = {it["name"]: it for it in dashboard.get("/api/runs").json()["runs"]}
    assert rows["broken"]["is_readable"] is False
    answer = dashboard.get(f"/api/runs/{rows['broken']['id']}")
    assert (answer.status_code, answer.json()) == (404, {"error": 404})
    listed = dashboard.get("/api/runs").text
    assert str(folder) not in listed
    assert not re.search(r"Traceback|sqlite|/home|/root|/tmp", listed)


def test_looking_leaves_a_run_as_it_was(dashboard, folder):
    before = (folder / "eight" / "run.db").read_bytes()
    for path in addresses(dashboard):
        dashboard.get(path)
    assert (folder / "eight" / "run.db").read_bytes() == before
    assert sorted(it.name for it in (folder / "eight").iterdir()) == ["run.db", "t0"]


@pytest.mark.slow
def test_the_server_is_a_process_that_gave_way_before_anybody_could_ask(folder, tmp_path):
    secret = tmp_path / "token"
    command = [
        sys.executable,
        "-m",
        "pbtune",
        "dashboard",
        str(folder),
        "--token-file",
        str(secret),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        url = process.stdout.readline().strip()
        own = os.getpriority(os.PRIO_PROCESS, 0)
        assert os.getpriority(os.PRIO_PROCESS, process.pid) == min(19, own + 10)
        base, _, token = url.partition("/#token=")
        assert secret.read_text().strip() == token
        assert secret.stat().st_mode & 0o777 == 0o600
        # It ends at once, whoever listens.
        run = next(
            it["id"]
            for it in httpx.get(
                f"{base}/api/runs", headers={"Authorization": f"Bearer {token}"}
            ).json()["runs"]
            if it["name"] == "eight"
        )
        with httpx.stream(
            "GET", f"{base}/api/runs/{run}/events", headers={"Authorization": f"Bearer {token}"}
        ) as events:
            assert next(events.iter_lines()).startswith("id: ")
            process.send_signal(signal.SIGINT)
            assert process.wait(5) in {0, 1, -signal.SIGINT}


class Listening:
    """The events of one run, as a browser gets them."""

    def __init__(self, server, name, since=None):
        headers = {} if since is None else {"Last-Event-ID": str(since)}
        self._stream = server.client.stream(
            "GET", f"{server.run_path(name)}/events", headers=headers
        )

    def __enter__(self):
        self._lines = self._stream.__enter__().iter_lines()
        return self

    def __exit__(self, *exc):
        self._stream.__exit__(*exc)

    def next(self):
        """(version, what changed)"""
        version = None
        for line in self._lines:
            if line.startswith("id: "):
                version = int(line[4:])
            elif line.startswith("data: ") and version is not None:
                return version, json.loads(line[6:])
        raise EOFError


@pytest.mark.slow
def test_a_new_exploit_is_told_within_a_second_and_alone(dashboard, live_run):
    made = live_run("told")
    with Listening(dashboard, "told") as events:
        version, whole = events.next()
        assert whole["is_whole"]
        assert len(whole["members"]) == 8
        before = whole["exploit_count"]
        began = time.monotonic()
        made.train()
        newer, delta = events.next()
        assert time.monotonic() - began < 1
    assert newer > version
    assert not delta["is_whole"]
    assert delta["exploit_count"] == before + 2
    copies = [it for it in delta["nodes"] if it["kind"] == "exploited" and it["start"] == made.step]
    assert len(copies) == 2
    assert all(it["changes"] for it in copies)
    with Listening(dashboard, "told", since=version) as again:
        assert again.next()[1]["nodes"] == delta["nodes"]
    with Listening(dashboard, "told", since=10**17) as strange:
        assert strange.next()[1]["is_whole"]


@pytest.mark.slow
def test_fifty_listeners_hear_of_it_within_a_second(dashboard, live_run):
    made = live_run("crowded")
    heard, ready = [], threading.Barrier(51)

    def listen(_):
        with Listening(dashboard, "crowded") as events:
            version, _ = events.next()
            ready.wait(20)
            newer, _ = events.next()
            heard.append((time.monotonic(), newer > version))

    with ThreadPoolExecutor(50) as pool:
        waiting = [pool.submit(listen, it) for it in range(50)]
        ready.wait(20)
        began = time.monotonic()
        made.train()
        for it in waiting:
            it.result(20)
    assert len(heard) == 50
    assert all(is_newer for _, is_newer in heard)
    assert max(at for at, _ in heard) - began < 1


def test_curves_are_thinned_but_keep_the_least_and_the_greatest(dashboard):
    answer = dashboard.get(f"{dashboard.run_path('crowd')}/curves?metric=0").json()
    assert answer["is_complete"]
    assert len(answer["members"]) == len(answer["values"]) == 200
    assert {len(line) for line in answer["values"]} == {len(answer["steps"])}
    state = dashboard.get(dashboard.run_path("crowd")).json()
    last = {it["number"]: it["score"] for it in state["members"]}
    for member, line in zip(answer["members"], answer["values"], strict=True):
        assert line[-1] == pytest.approx(last[member], rel=1e-5)


def test_hyperparameters_are_steps_on_one_axis(dashboard):
    answer = dashboard.get(f"{dashboard.run_path('eight')}/schedules").json()
    lr, momentum, augment = answer["parameters"]
    assert [lr["is_log"], momentum["is_log"], augment["is_log"]] == [True, False, False]
    assert augment["categories"] == ["crop", "flip", "none"]
    members = {
        it["number"]: it for it in dashboard.get(dashboard.run_path("eight")).json()["members"]
    }
    for at, member in enumerate(answer["members"]):
        assert lr["values"][at][-1] == pytest.approx(members[member]["values"][0], rel=1e-5)


def test_a_member_has_its_story_its_changes_its_log_and_its_failures(dashboard):
    run = dashboard.run_path("hostile")
    failed = dashboard.get(f"{run}/members/0").json()
    assert "epoch 29" in dashboard.get(f"{dashboard.run_path('eight')}/members/0").json()["log"]
    assert SCRIPT in failed["failures"][0]["traceback"]
    assert SCRIPT in failed["log"]
    assert "\u202e" not in failed["log"]
    copied = dashboard.get(f"{run}/members/1").json()
    change = next(it for it in copied["history"][0]["differences"] if it["path"].startswith("lr"))
    assert [change["own"], change["source"], change["new"]] == [0.2, 0.4, 0.5]
    assert copied["story"]


def test_the_schedule_is_what_the_library_reads(dashboard):
    run = dashboard.run_path("eight")
    best = dashboard.get(run).json()["best"]
    from pbtune.tune import Schedule

    schedule = Schedule.from_json(dashboard.get(f"{run}/members/{best}/schedule.json").text)
    assert schedule.trial.startswith("t")
    rows = dashboard.get(f"{run}/members/{best}/schedule.csv").text.splitlines()
    assert rows[0].startswith("trial,start_step,end_step,config/lr")
    assert len(rows) == 1 + len(schedule.pieces)


def test_a_spreadsheet_runs_nothing_of_a_schedule(dashboard):
    text = dashboard.get(f"{dashboard.run_path('hostile')}/members/1/schedule.csv").text
    assert FORMULA in text
    assert not re.search(r"(?m)(^|,)\"?[=+@-]", text.replace(f"'{FORMULA}", ""))


def test_numbers_that_a_browser_cannot_hold_are_told_as_text(dashboard):
    state = dashboard.get(dashboard.run_path("hostile")).json()
    assert state["metric"] == METRIC
    assert {it["score"] for it in state["members"]} == {3, 4, 5, 6}
    metrics = dashboard.get(f"{dashboard.run_path('hostile')}/members/0").json()["metrics"]
    assert str(10**400)[:100] in str(metrics)


@pytest.mark.slow
def test_who_listens_hears_that_a_run_is_gone(dashboard, folder):
    made = MadeRun(folder / "leaves", 4)
    with dashboard.client.stream("GET", f"{dashboard.run_path('leaves')}/events") as events:
        lines = events.iter_lines()
        assert next(lines).startswith("id: ")
        made.end()
        shutil.rmtree(made.folder)
        assert "event: gone" in list(lines)


def test_the_packaged_page_asks_for_nothing_that_is_not_in_the_package(dashboard):
    page = asked(dashboard, "GET", "/")[2].decode()
    modules = re.findall(r'(?:src|href)="(/static/[^"]+)"', page)
    assert "/static/app.js" in modules
    seen = set()
    while modules:
        path = modules.pop()
        seen.add(path)
        code, headers, body = asked(dashboard, "GET", path)
        assert code == 200, path
        assert headers["Content-Type"].partition(";")[0] in {
            *("text/javascript", "text/css", "image/svg+xml"),
        }
        text = body.decode()
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", text
        ) or ("uPlot" in path)
        assert not re.search(r"(?:src|href|import|url)\W{1,3}https?:", text)
        found = {f"/static/{name}" for name in re.findall(r'from "\./([\w.]+)"', text)}
        modules += found - seen
    assert len(seen) > 12
