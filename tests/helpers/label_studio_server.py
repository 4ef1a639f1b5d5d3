"""A real Label Studio on loopback, and people who work in it by its API as their browsers would."""

import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import time

import requests

PASSWORD = "only-on-loopback"
# Nothing is sent anywhere: no statistics, no question for newer versions, no feature flags.
QUIET = {
    "COLLECT_ANALYTICS": "false",
    "SENTRY_DSN": "",
    "FRONTEND_SENTRY_DSN": "",
    "LATEST_VERSION_CHECK": "false",
    "FEATURE_FLAGS_OFFLINE": "true",
    "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED": "false",
}


@contextlib.contextmanager
def running(program, folder, first):
    """Runs the program ``label-studio`` over a folder; yields the server's address.

    Args:
        program: Its path.
        folder: Where its database goes.
        first: The address of the person who is there from the beginning.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    known = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    log = pathlib.Path(folder, "label_studio.log")
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [program, "start", "--no-browser", "--data-dir", str(folder), "--log-level", "ERROR"]
            + ["--internal-host", "127.0.0.1", "--port", str(port)]
            + ["--username", first, "--password", PASSWORD],
            env=known | QUIET,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield _wait(f"http://127.0.0.1:{port}", process, log)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait(address, process, log, seconds=600):
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(requests.RequestException):
            if requests.get(f"{address}/health", timeout=10).ok:
                return address
        time.sleep(1)
    raise RuntimeError(f"Label Studio does not answer: {log.read_text('utf-8', 'replace')[-2000:]}")


class Person:
    """Somebody who is logged in, or signs up.

    Args:
        server: The server's address.
        name: The person's.
        is_new: Whether to sign up.
    """

    def __init__(self, server, name, is_new=False):
        self.name, self.server = name, server
        self._session = requests.Session()
        page = f"{server}/user/{'signup' if is_new else 'login'}/"
        self._session.get(page, timeout=60).raise_for_status()
        given = {"email": name, "password": PASSWORD, "csrfmiddlewaretoken": self._token()}
        self._session.post(page, given, headers={"Referer": page}, timeout=60).raise_for_status()
        assert self.get("/api/current-user/whoami")["email"] == name

    def close(self):
        self._session.close()

    def _token(self):
        return self._session.cookies["csrftoken"]

    def get(self, path, **parameters):
        answer = self._session.get(self.server + path, params=parameters, timeout=60)
        assert answer.ok, answer.text
        return answer.json()

    def post(self, path, body):
        headers = {"X-CSRFToken": self._token(), "Referer": self.server}
        answer = self._session.post(self.server + path, json=body, headers=headers, timeout=60)
        assert answer.ok, answer.text
        return answer.json()

    def make_project(self, title, interface, tasks):
        """Makes a project as docs/people.md says; returns its number."""
        project = self.post("/api/projects", {"title": title, "label_config": interface})["id"]
        found = self.post(f"/api/projects/{project}/import", tasks)
        assert found["task_count"] == len(tasks)
        return project

    def tasks(self, project):
        """Returns the tasks of a project in order: number in the server, data."""
        found = self.get("/api/tasks", project=project, page_size=1000)["tasks"]
        return sorted(((task["id"], task["data"]) for task in found), key=lambda task: task[0])

    def annotate(self, number, results):
        self.post(f"/api/tasks/{number}/annotations/", {"result": results, "lead_time": 1.0})

    def export(self, project):
        """Returns the tasks that an export as JSON holds."""
        return self.get(f"/api/projects/{project}/export", exportType="JSON")
