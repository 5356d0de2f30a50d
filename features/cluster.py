"""A Spark session as Véraison needs it, and in one line what prevents it.

The settings here are those on which equality with the other engines rests (time zone, ANSI), those that keep a
development machine closed (no pages, nothing listens outside 127.0.0.1) and those without which executors would fight
for the processors (one thread a task). All else is the cluster's own: ``spark-defaults.conf`` of ``SPARK_CONF_DIR``
and ``PYSPARK_SUBMIT_ARGS`` are read by Spark itself.
"""

import os
import re
import shutil
import socket
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import veraison.errors
from veraison.errors import VeraisonError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ROOT = Path(__file__).parents[1]
"""Where our packages lie; executors on this machine import them from here."""

_PATIENCE = 5.0  # seconds for a master to answer; Spark itself would wait a minute
_FORMS = "local[N], local-cluster[N,CORES,MEMORY], spark://HOST:PORT, yarn or k8s://..."
_ONE_THREAD = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS", "ARROW_NUM_THREADS")


@contextmanager
def session(master: str) -> Iterator["SparkSession"]:
    """A session on `master`, stopped at the end; the one that is open already, where there is one.

    Raises VeraisonError where pyspark or Java is missing, or the master does not answer.
    """
    _check(master)
    with warnings.catch_warnings(), failures():
        warnings.filterwarnings("ignore", module=r"pyspark\.")  # of pandas, which no way of ours through Spark touches
        from pyspark import SparkContext
        from pyspark.sql import SparkSession

        context = SparkContext._active_spark_context  # of any thread; the active session is this thread's alone
        if context is not None:
            if context.master != master:
                raise VeraisonError(f"a Spark session on {context.master} is open; stop it first")
            yield SparkSession.builder.getOrCreate()
            return
        with tempfile.TemporaryDirectory(prefix="veraison-spark-", ignore_cleanup_errors=True) as scratch:
            opened = _open(master, Path(scratch))
            work = _work_folder(master, opened.sparkContext.applicationId)
            try:
                yield opened
            finally:
                with suppress(Exception):  # a session that is broken already has nothing to stop
                    opened.stop()
                if work is not None:
                    shutil.rmtree(work, ignore_errors=True)


def settings(master: str, scratch: Path) -> dict[str, str]:
    """What we ask of Spark.

    scratch : folder for what Spark keeps on this machine while it runs
    """
    found = {
        "spark.app.name": "veraison",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.ansi.enabled": "true",
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
        "spark.sql.execution.arrow.maxRecordsPerBatch": "20000",
        "spark.io.compression.codec": "zstd",  # 21 bytes an event instead of 37, for a tenth more processor time
        "spark.driver.maxResultSize": "0",  # results go from the JVM to Python batch by batch
        "spark.sql.warehouse.dir": (scratch / "warehouse").as_uri(),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "OFF",  # what goes wrong is raised, once, by `failures`
        "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={(scratch / _LOGGING).as_uri()}",
        **{f"spark.executorEnv.{name}": "1" for name in _ONE_THREAD},
        "spark.executorEnv.OMP_WAIT_POLICY": "PASSIVE",
    }
    if _here(master):
        path = os.pathsep.join(part for part in (str(ROOT), os.environ.get("PYTHONPATH")) if part)
        found |= {
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.host": "127.0.0.1",
            "spark.executorEnv.PYTHONPATH": path,
        }
        if "NUMBA_CACHE_DIR" in os.environ:
            found["spark.executorEnv.NUMBA_CACHE_DIR"] = os.environ["NUMBA_CACHE_DIR"]
    else:
        # A cluster's Python may be read-only; the executor's own folder never is, and nobody else writes there.
        found["spark.executorEnv.NUMBA_CACHE_DIR"] = "numba-cache"
    return found


@contextmanager
def failures() -> Iterator[None]:
    """Say in one line what Spark, Java or our own code on an executor could not do; defects keep their trace."""
    try:
        yield
    except VeraisonError:
        raise
    except Exception as error:
        mistake = _explained(error)
        if mistake is None:
            raise
        raise mistake from None


def _check(master: str) -> None:
    try:
        import pyspark  # noqa: F401
    except ImportError:
        raise VeraisonError("Spark is not installed here; install it with: pip install 'veraison[spark]'") from None
    java_home = os.environ.get("JAVA_HOME")
    if not (java_home and (Path(java_home) / "bin" / "java").exists()) and shutil.which("java") is None:
        raise VeraisonError("Spark needs Java 17 or 21, and there is none on PATH or in JAVA_HOME; install one")
    if not re.fullmatch(r"local(-cluster)?(\[[\d*, ]+\])?|spark://\S+|yarn|k8s://\S+", master):
        raise VeraisonError(f"--master {master!r}: write one of {_FORMS}")
    if master.startswith("spark://"):
        _reach(master)


def _reach(master: str) -> None:
    """Whether any of the masters of a ``spark://HOST:PORT,HOST:PORT`` answers."""
    why = ""
    for address in master.removeprefix("spark://").split(","):
        host, _, port = address.rpartition(":")
        if not (host and port.isdecimal() and int(port) < 1 << 16):
            raise VeraisonError(f"--master {master!r}: write spark://HOST:PORT")
        try:
            socket.create_connection((host.strip("[]"), int(port)), _PATIENCE).close()
        except OSError as error:
            why = error.strerror or str(error)
        else:
            return
    raise VeraisonError(f"the Spark master {master} cannot be reached ({why})")


def _open(master: str, scratch: Path) -> "SparkSession":
    from pyspark import SparkConf, SparkContext
    from pyspark.java_gateway import launch_gateway
    from pyspark.sql import SparkSession

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    if _here(master):  # read by every JVM as it starts; without it the cluster's own parts listen on all addresses
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        os.environ.setdefault("SPARK_LOCAL_HOSTNAME", "localhost")
    (scratch / _LOGGING).write_text(_NO_LOGGING, encoding="utf-8")
    asked = SparkConf().setMaster(master).setAll(list(settings(master, scratch).items()))
    # Java begins with remarks about itself. They go to a file, of which the end is shown where it does not start.
    with (scratch / "java.txt").open("w+", encoding="utf-8") as remarks:
        try:
            gateway = SparkContext._gateway or launch_gateway(asked, {"stderr": remarks})  # type: ignore[no-untyped-call]  # of py4j
            context = SparkContext(conf=asked, gateway=gateway)
        except Exception as error:
            remarks.seek(0)
            mistake = _explained(error, remarks.read())
            if mistake is None:
                raise
            raise mistake from None
    return SparkSession(context)


_LOGGING = "log4j2.properties"
_NO_LOGGING = """status = off
appender.none.type = Null
appender.none.name = none
rootLogger.level = off
rootLogger.appenderRef.none.ref = none
"""


def _here(master: str) -> bool:
    return master.startswith("local")


def _work_folder(master: str, application: str) -> Path | None:
    """Where the executors of a ``local-cluster`` keep their logs: inside pyspark, and Spark never removes it."""
    if not master.startswith("local-cluster"):
        return None
    from pyspark.find_spark_home import _find_spark_home

    return Path(_find_spark_home()) / "work" / application


def _explained(error: Exception, remarks: str = "") -> VeraisonError | None:
    """The mistake behind an error and what Java remarked before it, None where it is a defect."""
    from py4j.protocol import Py4JError, Py4JNetworkError
    from pyspark.errors import AnalysisException, PySparkException

    if not isinstance(error, PySparkException | Py4JError):
        return None
    said = f"{error}\n{remarks}"
    ours = re.findall(r"^veraison\.errors\.(\w+): (.+)$", said, re.MULTILINE)
    if ours:
        name, sentence = ours[-1]
        mistake: VeraisonError = getattr(veraison.errors, name)(sentence)
        return mistake
    sentence = next((sentence for sign, sentence in _KNOWN.items() if sign in said), None)
    if isinstance(error, Py4JNetworkError):
        return VeraisonError("Spark went away before it was done")
    if sentence is None and (isinstance(error, AnalysisException) or _OUTSIDE.search(said)):
        sentence = "Spark cannot read or write there"
    if sentence is None or ("Traceback (most recent call last)" in said and "ExecutorLostFailure" not in said):
        return None
    return VeraisonError(f"{sentence}: {_telling(said)}")


_KNOWN = {
    "ExecutorLostFailure": "Spark gave up: executors were lost again and again; give them more memory",
    "JAVA_GATEWAY_EXITED": "Spark did not start; it needs Java 17 or 21, and the settings of its cluster",
    "USER_RAISED_EXCEPTION": "the events cannot be used",
    "No FileSystem for scheme": "Spark cannot read such an address: its connector is missing",
    "Class org.apache.hadoop.fs": "Spark cannot read such an address: its connector is missing",
    "Illegal Parquet type": "Spark cannot read a column of this Parquet file",
    "No space left on device": "no space left for what Spark shuffles; see spark.local.dir",
    "FAILED_READ_FILE": "Spark cannot read a file",
    "External scheduler cannot be instantiated": "the Spark master cannot be used",
}
_OUTSIDE = re.compile(r"\bjava\.(io|net|nio)\.[\w.$]*Exception\b|AccessDenied|AccessControlException")


def _telling(text: str) -> str:
    """The line of an error or a stack trace that says most: the last cause, else what was thrown first."""
    lines = [line.strip() for line in text.splitlines()]
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")]
    thrown = [line for line in lines if re.match(r"(Exception in thread|Error:|\[[A-Z_.]+\])", line)]
    said = causes[-1:] or thrown[-1:] or [line for line in lines if line]
    return re.sub(r"\b([a-z]\w*\.)+(?=[A-Z]\w*(Exception|Error)\b)| SQLSTATE: \w+", "", said[0])[:300]
