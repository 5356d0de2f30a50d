"""Run the worked firm: every command that stands in README.md, in its order. `make docs` calls it.

The README is the list of what is run, so it cannot grow old. Commands run in the folder that is given (`build` beside
this file where none is), which is their workspace; the files beside the README are copied there first.
"""

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
INPUTS = ("playbook.toml", "costs.csv")
REPORTS = "reports"


def commands(readme: Path = HERE / "README.md") -> list[list[str]]:
    """The commands of the README, those in blocks marked ``bash`` that begin with ``veraison``."""
    blocks = re.findall(r"^```bash\n(.*?)^```", readme.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    lines = [shlex.split(line, comments=True) for block in blocks for line in block.splitlines()]
    return [line for line in lines if line and line[0] == "veraison"]


def make(folder: Path, readme: Path = HERE / "README.md") -> Path:
    """Run them all in a folder that is made anew; where its reports are. CalledProcessError where one fails."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in INPUTS:
        if (HERE / name).exists():
            shutil.copy(HERE / name, folder)
    veraison = str(Path(sys.executable).parent / "veraison")
    environment = os.environ | {"VERAISON_WORKSPACE": str(folder)}
    every = commands(readme)
    for place, command in enumerate(every, start=1):
        begun = time.monotonic()
        print(f"[{place}/{len(every)}] {shlex.join(command)}", flush=True)
        subprocess.run([veraison, *command[1:]], cwd=folder, env=environment, check=True)  # noqa: S603 (our own README)
        print(f"      {time.monotonic() - begun:.0f} s", flush=True)
    return folder / REPORTS


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Run the worked firm of docs/example.")
    parser.add_argument("--out", type=Path, default=HERE / "build", help="folder, made anew (build, beside this file)")
    folder = parser.parse_args().out.resolve()
    if folder.exists() and any(folder.iterdir()) and not (folder / "playbook.toml").exists():
        sys.exit(f"{folder}: holds something else than a worked firm; choose another folder with --out")
    try:
        reports = make(folder)
    except subprocess.CalledProcessError as problem:
        sys.exit(f"stopped: {shlex.join(problem.cmd[1:])} ended with exit code {problem.returncode}")
    for path in sorted(reports.glob("*.html")):
        print(path)


if __name__ == "__main__":
    main()
