"""The challenger of a renewal, as files in the renewal's folder until the registry has it."""

import shutil
from pathlib import Path

from monitoring.progress import FOLDER, Begun, Work
from training.bundle import Bundle
from veraison.errors import ModelError

BUNDLE, REPORT = "bundle", "report"


def folder(work: Work, begun: Begun) -> Path:
    """Where a renewal keeps its files."""
    return work.reports / FOLDER / begun.name


def keep(work: Work, begun: Begun, bundle: Bundle) -> None:
    """Lay a challenger down, in the place of one that a crash cut short."""
    home = folder(work, begun)
    fresh = home / f".{BUNDLE}"
    shutil.rmtree(fresh, ignore_errors=True)
    bundle.save(fresh)
    shutil.rmtree(home / BUNDLE, ignore_errors=True)
    fresh.rename(home / BUNDLE)


def kept(work: Work, begun: Begun) -> Bundle:
    """The challenger as it was made; ModelError where its files are not what they were."""
    bundle = Bundle.load(folder(work, begun) / BUNDLE)
    if bundle.version != begun.challenger:
        raise ModelError(f"{bundle.version} lies there, {begun.challenger} was trained")
    return bundle


def forget(work: Work, begun: Begun) -> None:
    """Throw the files away: the registry has them."""
    shutil.rmtree(folder(work, begun) / BUNDLE, ignore_errors=True)
