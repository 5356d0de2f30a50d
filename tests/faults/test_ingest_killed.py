"""kill -9 at any moment of an import, and the import run again: the store is that of one clean run."""

import contextlib
import json
import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

RECORDS = 30_000
KILLS = 5
COMMAND = Path(sys.executable).with_name("veraison")


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    """A log with repeated messages, people who merge, traits, and lines that are broken."""
    path = tmp_path_factory.mktemp("log") / "events.ndjson"
    luck = random.Random(7)
    with path.open("w", encoding="utf-8") as handle:
        for number in range(RECORDS):
            chance = luck.random()
            message = {
                "type": "track",
                "messageId": f"m{number if chance > 0.1 else luck.randrange(number + 1)}",
                "userId": f"L{luck.randrange(500)}",
                "timestamp": f"2026-01-{1 + number % 28:02}T09:00:00Z",
                "event": "Seen",
                "properties": {"value": number},
            }
            if chance > 0.9:
                message |= {
                    "type": "identify",
                    "anonymousId": f"a{number % 700}",
                    "traits": {"email": f"{number % 300}@x.fr"},
                }
            line = json.dumps(message)
            handle.write(f"{line[:-5] if chance < 0.02 else line}\n")
    return path


def ingest(events, workspace):
    return subprocess.Popen(
        [COMMAND, "ingest", events, "-w", workspace], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def content(workspace):
    """All rows of all tables; but of what cannot be read, not when it was judged, as it tells no moment of its own."""
    with contextlib.closing(sqlite3.connect(workspace / "veraison.db")) as connection:
        tables = [name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")]
        columns = {
            table: [name for _, name, *_ in connection.execute(f"pragma table_info({table})")] for table in tables
        }
        columns["quarantine"].remove("known_at")
        return {
            table: sorted(connection.execute(f"select {', '.join(columns[table])} from {table}"), key=repr)
            for table in sorted(tables)
        }


def stored(workspace):
    """How many events are there now, looked up while another process writes."""
    path = workspace / "veraison.db"
    if not path.exists():
        return 0
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        try:
            return connection.execute("select count(*) from events").fetchone()[0]
        except sqlite3.OperationalError:  # the tables are not made yet
            return 0


def killed(process, workspace, enough, patience):
    """Kill a while after so many events are stored; returns how many there are then."""
    while process.poll() is None and stored(workspace) < enough:
        time.sleep(0.01)
    time.sleep(patience)
    process.kill()
    process.communicate()
    assert process.returncode == -9
    return stored(workspace)


def test_an_import_that_was_killed_and_run_again_ends_like_a_clean_one(events, tmp_path):
    clean = ingest(events, tmp_path / "clean")
    said, _ = clean.communicate()
    assert clean.returncode == 0
    whole = content(tmp_path / "clean")
    assert f"{len(whole['events']):,} new events" in said
    assert 500 < len(whole["quarantine"]) < 1_000 < len(whole["traits"])
    assert len(whole["events"]) < RECORDS - 2_000

    luck, seen = random.Random(7), []
    for kill in range(KILLS):
        enough = int(len(whole["events"]) * 0.15 * (kill + luck.random()))
        process = ingest(events, tmp_path / "killed")
        seen.append(killed(process, tmp_path / "killed", enough, patience=luck.uniform(0, 0.1)))
    assert seen == sorted(seen)
    assert sum(0 < count < len(whole["events"]) for count in seen) >= 3, seen

    again = ingest(events, tmp_path / "killed")
    _, problems = again.communicate()
    assert again.returncode == 0, problems
    assert content(tmp_path / "killed") == whole
