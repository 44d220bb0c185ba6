"""The command `gaitlib app`: a local page on which a recording is dropped and becomes a report.

It listens on the loopback interface only, beneath a secret address, and answers no page of another origin.
A recording lies in a temporary folder until it is read; reports are kept in memory until the program ends.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import re
import secrets
import shutil
import signal
import sys
import tempfile
import traceback
import webbrowser
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gaitlib.environment import require
from gaitlib.errors import GaitlibError, InputError, WorkError
from gaitlib.workflow.report_command import VIDEO_ENDINGS, make_report

ENDINGS = (
    *VIDEO_ENDINGS,
    *(".csv", ".tsv", ".txt", ".json", ".h5", ".hdf5", ".c3d", ".trc", ".bvh", ".mot", ".sto"),
)
_LARGEST_BYTES, _LARGEST_EARLIER = 2 * 1024**3, 10 * 1024**2
_EARLIER = "earlier report"
"""Name beside the recording, which no recording can have: names end in one of ENDINGS."""
_MOST_WAITING, _MOST_KEPT = 4, 30
_OPTIONS = {
    **dict.fromkeys(("height_m", "age_years", "fps", "lens_mm"), float),
    **{"person": int, "sex": str, "site": str, "view": str},
}
"""What the page may ask for, with its type."""
_KINDS = {"html": "text/html; charset=utf-8", "json": "application/json", "csv": "text/csv; charset=utf-8"}


def add_app_parser(subparsers) -> argparse.ArgumentParser:
    """Add the command to the program."""
    parser = subparsers.add_parser("app", help="a local page that makes reports; nothing leaves the machine")
    parser.add_argument("--port", type=int, default=8765, help="port on this machine; 0 takes a free one")
    parser.add_argument("--no-browser", action="store_true", help="print the address, open no browser")
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> int:
    """Run the command until it is interrupted."""
    require("app")
    if not 0 <= args.port <= 65535:
        raise InputError(f"--port: found {args.port}, expected 0 to 65535.")
    with tempfile.TemporaryDirectory(prefix="gaitlib-app-") as folder:
        asyncio.run(_serve(Desk(Path(folder)), args.port, not args.no_browser))
    return 0


class Desk:
    """Recordings that wait, are read or became reports."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.jobs, self.secret = folder, {}, secrets.token_urlsafe(16)
        self.pool, self.ended = ThreadPoolExecutor(1), False

    def count_waiting(self) -> int:
        """Count recordings that are not done."""
        return sum(job["state"] == "reading" for job in self.jobs.values())

    def take(self, path: Path, options: dict) -> str:
        """Queue a recording that lies in a folder of its own; its name in addresses."""
        name = secrets.token_urlsafe(9)
        done = [key for key, job in self.jobs.items() if job["state"] != "reading"]
        for key in done[: max(len(self.jobs) - _MOST_KEPT + 1, 0)]:
            del self.jobs[key]
        self.jobs[name] = {"state": "reading", "done": 0, "total": 0, "text": "", "files": {}}
        self.pool.submit(self._read, self.jobs[name], path, options)
        return name

    def _read(self, job: dict, path: Path, options: dict) -> None:
        def tell(done: int, total: int) -> None:
            job.update(done=done, total=total)
            if self.ended:
                raise WorkError("The program ends.")

        out = path.parent / "made" / "report.html"
        picture = out.with_name("report_people.jpg")
        try:
            out.parent.mkdir()
            earlier = path.with_name(_EARLIER)
            compare = earlier if earlier.is_file() else None
            _, files = make_report(path, out, compare=compare, report=tell, **options)
            job["files"] = {file.suffix[1:]: file.read_bytes() for file in files}
            job["state"] = "done"
        except GaitlibError as error:
            text = str(error).replace(f"; {picture} shows the numbers", "")
            text = text.replace(f"--compare {path.with_name(_EARLIER)}", "The earlier report")
            found = re.search(r"with --person 1 to (\d+)", text)
            job["people"] = int(found[1]) if found else 0
            if picture.is_file():
                job["picture"] = "data:image/jpeg;base64," + base64.b64encode(picture.read_bytes()).decode()
            job.update(text=text.replace(str(path.parent), ""), state="failed")
        except Exception:  # whatever it is, the page must hear of it, and the next recording go on
            traceback.print_exc()
            job.update(
                text="A fault of this program; its window says more. Please report it.", state="failed"
            )
        finally:
            shutil.rmtree(path.parent, ignore_errors=True)


async def _serve(desk: Desk, port: int, browser: bool) -> None:
    from tornado.httpserver import HTTPServer
    from tornado.netutil import bind_sockets

    try:
        sockets = bind_sockets(port, "127.0.0.1")
    except OSError as error:
        raise InputError(f"--port {port}: {error.strerror}; --port 0 takes a free one.") from None
    port = sockets[0].getsockname()[1]
    server = HTTPServer(build_application(desk, port), max_body_size=100_000, idle_connection_timeout=60)
    server.add_sockets(sockets)
    address = f"http://127.0.0.1:{port}/{desk.secret}/"
    print(f"gaitlib app: {address} (only on this machine; Ctrl+C ends it)", flush=True)
    if browser:
        webbrowser.open(address)
    end, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, end.set)
        except NotImplementedError:  # Windows: the interrupt ends the loop itself
            pass
    await end.wait()
    server.stop()
    desk.ended = True
    desk.pool.shutdown(cancel_futures=True)


def build_application(desk: Desk, port: int):
    """Build what answers requests."""
    from tornado.web import Application, RequestHandler, stream_request_body

    hosts = (f"127.0.0.1:{port}", f"localhost:{port}")
    nonce = secrets.token_urlsafe(12)

    class Guarded(RequestHandler):
        def set_default_headers(self) -> None:
            policy = (
                f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'nonce-{nonce}'"
            )
            policy += "; connect-src 'self'; frame-src 'self'; frame-ancestors 'self'; base-uri 'none'"
            self.set_header("Content-Security-Policy", policy + "; form-action 'none'")
            self.set_header("X-Content-Type-Options", "nosniff")
            self.set_header("Referrer-Policy", "no-referrer")
            self.set_header("Cache-Control", "no-store")
            self.clear_header("Server")

        def prepare(self) -> None:
            # Another site may point its name at this machine, or send a form here.
            origin = self.request.headers.get("Origin")
            if self.request.host not in hosts or (origin and origin.removeprefix("http://") not in hosts):
                self.stop(403, "This page answers only its own address on this machine.")

        def stop(self, code: int, text: str) -> None:
            self.set_status(code)
            self.finish({"text": text})

        def write_error(self, status_code: int, **_) -> None:
            self.finish({"text": f"HTTP {status_code}"})

    class Page(Guarded):
        def get(self) -> None:
            text = Path(__file__).with_suffix(".html").read_text(encoding="utf-8")
            self.finish(text.replace("NONCE", nonce).replace("ENDINGS", ",".join(ENDINGS)))

    @stream_request_body
    class Upload(Guarded):
        stream = path = earlier = None
        ahead = 0  # bytes of the earlier report that come before the recording

        def prepare(self) -> None:
            super().prepare()
            if self._finished:
                return
            self.request.connection.set_max_body_size(_LARGEST_BYTES)
            self.request.connection.set_body_timeout(3600)
            try:
                name, self.options = read_request(self.get_query_argument)
                size = int(self.request.headers.get("Content-Length", -1))
                if not 0 < size <= _LARGEST_BYTES:
                    raise InputError(f"The file has {size} bytes, expected 1 to {_LARGEST_BYTES}.")
                ahead = self.get_query_argument("earlier", "0")
                self.ahead = int(ahead) if ahead.isascii() and ahead.isdigit() else -1
                if not 0 <= self.ahead <= min(_LARGEST_EARLIER, size - 1):
                    raise InputError(f"The earlier report is too large, more than {_LARGEST_EARLIER} bytes.")
                if desk.count_waiting() >= _MOST_WAITING:
                    raise InputError("Too many recordings are waiting; try again when one is done.")
                if shutil.disk_usage(desk.folder).free < 2 * size:
                    raise InputError("The disk is too full for this file.")
            except InputError as error:
                return self.stop(400, str(error))
            self.path = Path(tempfile.mkdtemp(dir=desk.folder)) / name
            self.stream = self.path.open("wb")
            if self.ahead:
                self.earlier = self.path.with_name(_EARLIER).open("wb")

        def data_received(self, chunk: bytes) -> None:
            if self.stream is not None:
                if self.earlier is not None:
                    self.earlier.write(chunk[: self.ahead])
                self.stream.write(chunk[self.ahead :])
                self.ahead = max(self.ahead - len(chunk), 0)

        def post(self) -> None:
            self.close()
            path, self.path = self.path, None  # it is the desk's now
            self.finish({"job": desk.take(path, self.options)})

        def on_connection_close(self) -> None:
            self.on_finish()

        def close(self) -> None:
            for stream in (self.stream, self.earlier):
                if stream is not None:
                    stream.close()

        def on_finish(self) -> None:
            self.close()
            if self.path is not None:
                shutil.rmtree(self.path.parent, ignore_errors=True)

    class Job(Guarded):
        def get(self, name: str) -> None:
            if name not in desk.jobs:
                return self.stop(404, "No such recording; it may have been dropped for newer ones.")
            job = {key: value for key, value in desk.jobs[name].items() if key != "files"}
            self.finish(json.dumps(job))

    class Report(Guarded):
        def get(self, name: str, kind: str) -> None:
            files = desk.jobs.get(name, {}).get("files", {})
            if kind not in files:
                return self.stop(404, "No such report.")
            self.set_header("Content-Type", _KINDS[kind])
            self.finish(files[kind])

    class Nothing(Guarded):
        def prepare(self) -> None:
            self.stop(404, "Nothing is here.")

    root = re.escape(f"/{desk.secret}/")
    routes = [(root, Page), (f"{root}upload", Upload), (rf"{root}job/([\w-]+)", Job)]
    routes.append((rf"{root}report/([\w-]+)\.(html|json|csv)", Report))
    return Application(routes, default_handler_class=Nothing, log_function=_be_silent)


def _be_silent(handler) -> None:
    if handler.get_status() >= 500:
        print(f"gaitlib app: {handler.request.method} failed ({handler.get_status()})", file=sys.stderr)


def read_request(get) -> tuple[str, dict]:
    """Read the name of the file and the options; `get` gives one argument of the request or its default."""
    given = get("name", "")
    name = re.sub(r"[^\w .()+-]", "_", re.split(r"[\\/]", given)[-1]).lstrip(".")[-100:]
    if Path(name).suffix.lower() not in ENDINGS or not Path(name).stem:
        raise InputError(f"{given[:60]!r}: its name should end in one of {', '.join(ENDINGS)}.")
    options = {}
    for key, kind in _OPTIONS.items():
        text = get(key, "").strip().replace(",", ".")
        if not text:
            continue
        try:
            options[key] = kind(text)
        except ValueError:
            raise InputError(f"{key}: found {text[:30]!r}, expected a number.") from None
    if options.get("sex", "f") not in ("f", "m"):
        raise InputError(f"sex: found {options['sex'][:30]!r}, expected f or m.")
    return name, options
