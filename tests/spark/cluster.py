"""A cluster of Spark on this machine, by the commands of docs/how-to/build-on-spark.md: each part is a process."""

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from assets.spark import HOST_VARIABLE
from tests.spark.processes import descendants, executors_of, kill

HERE = "127.0.0.1"
MASTER = "org.apache.spark.deploy.master.Master"
WORKER = "org.apache.spark.deploy.worker.Worker"
THRIFT_SERVER = "org.apache.spark.sql.hive.thriftserver.HiveThriftServer2"
DEADLINE_SECONDS = 600


class Cluster(NamedTuple):
    """The environment of a run that builds on it, and its processes: master, workers, thrift server."""

    variables: Mapping[str, str]
    processes: list["subprocess.Popen[bytes]"]
    port: int

    def executors(self) -> list[int]:
        return [pid for process in self.processes for pid in executors_of(process.pid)]

    def kill_thrift_server(self) -> None:
        kill(self.processes[-1].pid)

    def execute(self, *statements: str) -> list[tuple[object, ...]]:
        """By a session of its own, as another client's; the rows of the last."""
        from pyhive import hive

        with closing(hive.connect(HERE, self.port)) as connection, closing(connection.cursor()) as cursor:
            for statement in statements:
                cursor.execute(statement)
            rows: list[tuple[object, ...]] = cursor.fetchall()
            return rows


@contextmanager
def thrift_server(folder: Path, configured: Path) -> Iterator[Cluster]:
    """A master, two workers of one core, their executors and a thrift server that answers, until the end of the block.

    What they write goes to the folder.
    """
    import pyspark

    folder.mkdir()
    master, port = _free_port(), _free_port()
    url, web = f"spark://{HERE}:{master}", ["--host", HERE, "--webui-port", "0"]
    worker = ["spark-class", WORKER, *web, "--cores", "1", "--memory", "2g", "--work-dir", str(folder / "work"), url]
    hive = {
        "hive.server2.thrift.bind.host": HERE,
        "hive.server2.thrift.port": port,
        "hive.server2.logging.operation.log.location": folder / "operations",
        "hive.exec.scratchdir": folder / "scratch",
        "hive.exec.local.scratchdir": folder / "scratch",
    }
    told = [argument for name, value in hive.items() for argument in ("--hiveconf", f"{name}={value}")]
    commands = [
        ["spark-class", MASTER, *web, "--port", str(master)],
        worker,
        worker,
        ["spark-submit", "--master", url, "--class", THRIFT_SERVER, "spark-internal", *told],
    ]
    environment = os.environ | {
        "SPARK_CONF_DIR": str(configured),
        "SPARK_LOCAL_DIRS": str(folder / "local"),
        "SPARK_LOCAL_IP": HERE,
    }
    variables = {HOST_VARIABLE: HERE, "INFERLEDGER_SPARK_PORT": str(port)}
    cluster = Cluster(variables, [], port)
    log = folder / "cluster.log"
    try:
        with log.open("w") as output:
            for command in commands:
                program = Path(pyspark.__path__[0], "bin", command[0])
                cluster.processes.append(
                    subprocess.Popen(
                        [program, *command[1:]], cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT
                    )
                )
                if command[1] == MASTER:
                    _wait_until(lambda: _answers(master), cluster, log)
        _wait_until(lambda: _answers(port) and len(cluster.executors()) == commands.count(worker), cluster, log)
        yield cluster
    finally:
        started = [pid for process in cluster.processes for pid in (process.pid, *descendants(process.pid))]
        # The thrift server first, which ends its executors, and the master last.
        for process in reversed(cluster.processes):
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(60)
        for pid in started:
            kill(pid)
        for process in cluster.processes:
            process.wait()


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind((HERE, 0))
        port: int = listening.getsockname()[1]
        return port


def _answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection((HERE, port)):
        return True
    return False


def _wait_until(is_there: Callable[[], bool], cluster: Cluster, log: Path) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not is_there():
        assert all(process.poll() is None for process in cluster.processes), log.read_text(errors="replace")
        assert time.monotonic() < deadline, log.read_text(errors="replace")
        time.sleep(0.5)
