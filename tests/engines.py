"""The engines that the same expressions run on: DuckDB, a PostgreSQL server of its own, Spark in this process.

Each is opened by a context manager and gone when it ends: no server, no port and no file stays behind.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pytest
from parts import need

from lqmodel.engine import connect, fetch

SERVERS = Path("/usr/lib/postgresql")
USER = "lqmodel"
UNPRIVILEGED = ("postgres", "nobody")
WAIT = 60.0  # seconds for a server to start or end


@dataclass(frozen=True)
class Engine:
    """Where facts are loaded, and where a query over them is run.

    ``load`` puts an Arrow table under a name; ``run`` runs a query and returns it with the types that the
    engine itself gave its columns.
    """

    load: Callable[[str, pa.Table], ir.Table]
    run: Callable[[ir.Table], pa.Table]

    def fetch(self, query: ir.Table) -> pa.Table:
        """Run a query; only the width of integers, which engines choose for literals, is made as declared."""
        table, declared = self.run(query), query.schema().to_pyarrow()
        for i, field in enumerate(declared):
            if pa.types.is_integer(field.type) and pa.types.is_integer(table.field(i).type):
                table = table.set_column(i, field.name, table[field.name].cast(field.type))
        return table


@contextmanager
def duckdb() -> Iterator[Engine]:
    """DuckDB, as lqmodel opens it."""
    con = connect()
    yield Engine(lambda name, table: con.create_table(name, table), fetch)
    con.disconnect()


# --- PostgreSQL ----------------------------------------------------------------------------------

PG_TYPES = {"string": 'text COLLATE "C"', "int64": "bigint", "double": "double precision", "bool": "boolean"}
PG_KINDS = {
    "text": pa.string(),
    "int2": pa.int16(),
    "int4": pa.int32(),
    "int8": pa.int64(),
    "float8": pa.float64(),
    "bool": pa.bool_(),
}


@contextmanager
def postgres() -> Iterator[Engine]:
    """A PostgreSQL server of this test alone, on a socket in a folder of its own.

    Its texts are ordered by the rules of a language, as on most servers: that the greatest text is the
    same as on other engines has to come from the columns.
    """
    with server() as folder:
        con = ibis.postgres.connect(host=str(folder), user=USER, database="postgres")

        def load(name: str, table: pa.Table) -> ir.Table:
            columns = ", ".join(f'"{f.name}" {PG_TYPES[str(f.type)]}' for f in table.schema)
            with con.con.transaction(), con.con.cursor() as cursor:
                cursor.execute(f'CREATE TABLE "{name}" ({columns})')
                with cursor.copy(f'COPY "{name}" FROM STDIN') as copy:
                    for row in zip(*(c.to_pylist() for c in table.columns), strict=True):
                        copy.write_row(row)
                cursor.execute(f'ANALYZE "{name}"')
            return con.table(name)

        def run(query: ir.Table) -> pa.Table:
            with con.con.transaction(), con.con.cursor() as cursor:
                cursor.execute(con.compile(query))
                names = [column.name for column in cursor.description]
                kinds = [con.con.adapters.types.get(column.type_code).name for column in cursor.description]
                rows = cursor.fetchall()
            columns = zip(*rows, strict=True) if rows else [()] * len(names)
            arrays = [pa.array(c, PG_KINDS[kind]) for c, kind in zip(columns, kinds, strict=True)]
            return pa.table(dict(zip(names, arrays, strict=True)))

        yield Engine(load, run)
        con.disconnect()


def binaries() -> Path | None:
    """The newest PostgreSQL server's programs: Debian's, else those on the path."""
    found = sorted(SERVERS.glob("*/bin/initdb"), key=lambda p: int(re.sub(r"\D", "", p.parts[-3])))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).resolve().parent if on_path else None


def _version(program: Path | str | None, option: str) -> int:
    """The major version of a program; 0 where there is none."""
    if program is None or not Path(program).exists():
        return 0
    told = subprocess.run([program, option], capture_output=True, text=True, timeout=WAIT)
    found = re.search(r"\d+", told.stdout + told.stderr)
    return int(found[0]) if found else 0


def owner() -> dict[str, Any]:
    """Who runs the server: PostgreSQL refuses root, so root runs it as someone who may do nothing else."""
    if os.geteuid() != 0:
        return {}
    users = {user.pw_name: user for user in pwd.getpwall()}
    user = next(users[name] for name in UNPRIVILEGED if name in users)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


@contextmanager
def server() -> Iterator[Path]:
    """Start a server that is reached only by the socket in a folder; end it by its own process."""
    programs = binaries()
    version = _version(programs and programs / "initdb", "--version")
    need(version >= 15, "a PostgreSQL server of version 15 or later (Debian: postgresql)")
    need(find_spec("psycopg") is not None, "psycopg (make setup)")
    run_by = owner()
    # not pytest's folder: only its owner may enter that one; and a socket's path has to be short
    folder = Path(tempfile.mkdtemp(prefix="lqpg"))
    try:
        if run_by:
            os.chown(folder, run_by["user"], run_by["group"])
        data = folder / "data"
        language = ["--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en"]
        trusted = [f"--username={USER}", "--auth=trust", "--no-sync"]
        subprocess.run(
            [f"{programs}/initdb", f"--pgdata={data}", *language, *trusted],
            check=True,
            cwd=folder,
            stdout=subprocess.DEVNULL,
            timeout=WAIT,
            **run_by,
        )
        options = {
            "listen_addresses": "",
            "unix_socket_directories": folder,
            "fsync": "off",
            "timezone": "UTC",
        }
        options |= {"jit": "off", "max_connections": 40}
        log = folder / "log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [
                    f"{programs}/postgres",
                    "-D",
                    data,
                    *(x for o, v in options.items() for x in ("-c", f"{o}={v}")),
                ],
                cwd=folder,
                stdout=out,
                stderr=out,
                **run_by,
            )
        try:
            _await(process, folder, log)
            yield folder
        finally:
            process.send_signal(signal.SIGINT)  # ends it at once, whoever is still connected
            process.wait(WAIT)
    finally:
        shutil.rmtree(folder)


def _await(process: subprocess.Popen[bytes], folder: Path, log: Path) -> None:
    import psycopg

    until = time.monotonic() + WAIT
    while process.poll() is None and time.monotonic() < until:
        try:
            psycopg.connect(host=str(folder), user=USER, dbname="postgres").close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"the PostgreSQL server did not start:\n{log.read_text()}")


# --- Spark ---------------------------------------------------------------------------------------

SPARK = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.memory": "1g",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.adaptive.enabled": "false",  # to plan anew costs more than such small tables do
    "spark.sql.autoBroadcastJoinThreshold": "-1",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.log.level": "ERROR",
}


@contextmanager
def spark() -> Iterator[Engine]:
    """Spark on two threads of this machine."""
    need(find_spec("pyspark") is not None, "pyspark (make setup-spark)")
    home = os.environ.get("JAVA_HOME")
    java = f"{home}/bin/java" if home else shutil.which("java")
    need(_version(java, "-version") >= 17, "Java 17 or later (Debian: openjdk-17-jre-headless)")
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as environment:
        environment.setenv("PYSPARK_PYTHON", sys.executable)
        environment.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        builder = SparkSession.builder.master("local[2]").appName("lqmodel")
        for option, value in {**SPARK, "spark.sql.warehouse.dir": f"{folder}/warehouse"}.items():
            builder = builder.config(option, value)
        session = builder.getOrCreate()
        try:
            con = ibis.pyspark.connect(session)

            def load(name: str, table: pa.Table) -> ir.Table:
                session.createDataFrame(table).createTempView(name)
                return con.table(name)

            def run(query: ir.Table) -> pa.Table:
                with warnings.catch_warnings():
                    warnings.simplefilter(
                        "ignore", ResourceWarning
                    )  # pyspark leaves its socket to be collected
                    return session.sql(con.compile(query)).toArrow()

            yield Engine(load, run)
        finally:
            gateway: Any = SparkContext._gateway
            session.stop()
            gateway.shutdown()  # what `stop` leaves running: Java itself
            gateway.proc.stdin.close()
            gateway.proc.wait(WAIT)
            SparkContext._gateway = SparkContext._jvm = None


ENGINES: dict[str, Callable[[], AbstractContextManager[Engine]]] = {
    "duckdb": duckdb,
    "postgres": postgres,
    "spark": spark,
}
