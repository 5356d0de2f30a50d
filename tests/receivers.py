"""Receivers of messages on this machine: real HTTP servers in threads, each with its own manners."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from data.store import Store
from data.subscriptions import Subscription, add, new_secret

WITHIN = 30.0


@dataclass(frozen=True)
class Post:
    """What came in. ``headers``: lower-case names."""

    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """A server and what it was sent; `answer` gives status and headers of each, and may take its time."""

    answer: Callable[[Post], tuple[int, dict[str, str]]] = lambda post: (200, {})
    posts: list[Post] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/scores"

    def wait_for(self, count: int) -> list[Post]:
        """The posts, once there are as many as that."""
        eventually(lambda: len(self.posts) >= count, lambda: f"{len(self.posts)} of {count} posts came")
        return list(self.posts)


@contextmanager
def receiver(answer: Callable[[Post], tuple[int, dict[str, str]]] | None = None) -> Iterator[Receiver]:
    """A receiver that says 200 unless told otherwise."""
    found = Receiver() if answer is None else Receiver(answer)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("content-length", 0))
            names = {name.lower(): value for name, value in self.headers.items()}
            post = Post(self.path, names, self.rfile.read(length))
            found.posts.append(post)
            status, headers = found.answer(post)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, *_: object) -> None:
            """Clients that went away are part of the tests."""

    server = Server(("127.0.0.1", 0), Handler)
    found.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def eventually(holds: Callable[[], bool], complaint: Callable[[], str] = lambda: "it never came") -> None:
    """Wait until something holds; only a test that fails waits long."""
    until = time.monotonic() + WITHIN
    while not holds():
        assert time.monotonic() < until, complaint()
        time.sleep(0.02)


def subscribe(store: Store, name: str, url: str, **more: Any) -> Subscription:
    """A subscription that hears of everything, unless told otherwise."""
    facts: dict[str, Any] = {"shape": "cloudevents", "min_points": 10.0, "grades": (), "first": "all", "created_at": 1}
    made = Subscription(name=name, url=url, secret=new_secret(), **facts | more)
    add(store, made)
    return made
