"""A process that tells of scores is killed without warning: nothing is lost, and what comes twice can be told."""

import json
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from data.schema import outbox as table
from data.store import Store
from tests.receivers import Post, eventually, receiver, subscribe
from tests.service import market
from tests.support import ROOT

_PUSH = """
import sys, time
from functools import partial
from pathlib import Path
from data.store import Store
from serving.leads import Leads
from serving.models import ModelHolder
from serving.push.courier import Sender
from serving.push.worker import Push
from veraison.playbook_file import load_playbook
from veraison.settings import Workspace
workspace, offset = Workspace(Path(sys.argv[1])), int(sys.argv[2])
playbook, models = load_playbook(workspace.playbook), ModelHolder(workspace)
store = Store(workspace.store_url, playbook.identity.keys)
leads = Leads(store, models, playbook, lambda: time.time_ns() // 1_000 + offset)
sender = partial(Sender, private=True, timeout=30)
Push(store, leads, models, sweep=3600, sender=sender, look=0.05, lease=1.0).start()
print("started", flush=True)
time.sleep(600)
"""


@contextmanager
def pushing(workspace: Path, offset: int):
    """A process that tells of scores, and nothing else."""
    command = [sys.executable, "-c", _PUSH, str(workspace), str(offset)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "started\n"
            yield process
        finally:
            process.kill()


def told(store: Store) -> dict[str, str]:
    with store.engine.connect() as connection:
        return {row.message_id: row.body for row in connection.execute(sa.select(table))}


@pytest.mark.parametrize("processes", [1, 2])
def test_killed_between_the_outbox_and_the_receiver(tmp_path: Path, processes: int):
    """The receiver has the message and has not answered when the process dies; a second one may stand by already."""
    where = market().copy(tmp_path)
    offset = where.now - time.time_ns() // 1_000
    released = threading.Event()

    def answer(_: Post) -> tuple[int, dict[str, str]]:
        released.wait(30)
        return 200, {}

    with where.store() as store, receiver(answer) as there:
        subscribe(store, "crm", there.url, first="best")
        with pushing(tmp_path, offset) as first:
            [caught] = there.wait_for(1)
            before = told(store)
            if processes == 1:
                first.kill()
                first.wait()
                released.set()
            with pushing(tmp_path, offset):
                if processes == 2:
                    time.sleep(1.5)  # longer than the lease: the second must not take what the first renews
                    assert len(there.posts) == 1
                    first.kill()
                    first.wait()
                    released.set()
                eventually(lambda: len({post.headers["webhook-id"] for post in there.posts}) >= len(before) > 1)
    ids = [post.headers["webhook-id"] for post in there.posts]
    assert ids[:2] == [caught.headers["webhook-id"]] * 2, "what was not answered comes again, under the same id"
    assert len(set(ids[1:])) == len(ids[1:]), "and nothing else does"
    assert {post.headers["webhook-id"]: post.body.decode() for post in there.posts} == before
    assert all(json.loads(post.body)["id"] == post.headers["webhook-id"] for post in there.posts)
