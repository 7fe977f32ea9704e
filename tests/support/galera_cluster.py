"""A private Galera cluster of MariaDB servers for tests.

All nodes start with copies of the same data at the same position of the replication history, so that no node needs a
copy from another one. A node that restarts after a kill reads its position from its data, and requests the
transactions that it has missed.
"""

import re
import secrets
import shutil
import signal
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pymysql

from tests.support import mariadb_server
from tests.support.mariadb_server import Server
from tests.support.server_run import ServerRun, find_free_port, give_to_server_user
from tests.support.sql_server import SqlServer
from tests.support.waiting import MAX_WAIT_SECONDS, wait_until

GALERA_LIBRARIES = (Path("/usr/lib/galera/libgalera_smm.so"), Path("/usr/lib64/galera-4/libgalera_smm.so"))
_RECOVERED_POSITION_PATTERN = re.compile(r"WSREP: Recovered position: *([0-9a-f-]{36}):(-?\d+)")
_SYNCED_STATE, _NEW_CLUSTER_OPTION = "4", "--wsrep-new-cluster"
_ACCOUNT_TABLES = ("global_priv", "db", "tables_priv", "columns_priv", "procs_priv", "roles_mapping", "proc")
_SELECT_ACCOUNT_COUNTS_SQL = "SELECT " + ", ".join(
    f"(SELECT COUNT(*) FROM mysql.{table})" for table in _ACCOUNT_TABLES
)
SYNC_WAIT_SECONDS = 2 * MAX_WAIT_SECONDS
"""Time limit (seconds) of waits for actions of the nodes themselves; on an idle machine such an action takes up to
half a minute.
"""
_MAX_RECOVERY_COUNT, _RECOVERY_END_SECONDS = 5, 5.0


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of one node: for SQL, for the group communication, for missed transactions (IST), and for a copy of
    all data (SST).
    """

    sql: int
    group_communication: int
    missed_transactions: int
    full_copy: int


@dataclass(frozen=True)
class Node(Server):
    """One server of the cluster. `start` lets the server join the running cluster."""

    def start(self) -> None:
        """Join the cluster with the node's own data, and wait until the node is synchronised."""
        uuid, seqno = self.find_position()
        self.start_joining(f"--wsrep-start-position={uuid}:{seqno}")
        self.wait_until_ready()

    def start_joining(self, *options: str) -> None:
        """Start the node with these additional options, and return without waiting until it has joined."""
        self.run.start_process(self.name, (*self.command, *options))

    def is_ready(self) -> bool:
        """Return True if the node is synchronised with its cluster and the cluster has a quorum."""
        return (self.read_status("wsrep_ready"), self.read_status("wsrep_local_state")) == ("ON", _SYNCED_STATE)

    def read_status(self, name: str) -> str:
        """Return the value of a status variable of the node, or "" while the node doesn't answer."""
        with suppress(pymysql.MySQLError):
            return str(self.sql(f"SHOW GLOBAL STATUS LIKE '{name}'", seconds=30)[0][1])
        return ""

    def has_sound_accounts(self) -> bool:
        """Return True if the server's tables of accounts, rights and routines are undamaged, including their
        indexes.
        """
        rows = self.sql(f"CHECK TABLE {', '.join(f'mysql.{table}' for table in _ACCOUNT_TABLES)} EXTENDED")
        return all(answer == "OK" for _table, _op, kind, answer in rows if kind in ("status", "error"))

    def rebuild_account_indexes(self) -> None:
        """Rebuild the indexes of the server's tables of accounts, rights and routines from their rows, on this node
        alone. After a kill an index may pass every check, but be refused as corrupted when a later GRANT changes it.
        This was seen once, with `db.MAI` and `procs_priv.MAI`, and made all later tests on the cluster fail.
        """
        tables = ", ".join(f"mysql.{table}" for table in _ACCOUNT_TABLES)
        self.sql("SET SESSION wsrep_on = OFF", f"REPAIR NO_WRITE_TO_BINLOG TABLE {tables} EXTENDED")

    def find_position(self) -> tuple[str, int]:
        """Return the position of the data of a stopped or killed node: the id of the replication history, and the
        sequence number. The server's recovery reads the position. It is run again until one run ends by itself: after
        a kill the server's purge may run for ever and use 170 MiB more memory each second (seen with 10.11.19). The
        next recovery of the same data has always ended.
        """
        for _ in range(_MAX_RECOVERY_COUNT):
            recovery = f"{self.name}-recovery-{secrets.token_hex(3)}"
            self.run.start_process(recovery, (*self.command, "--wsrep-recover", "--skip-networking"))
            wait_until(partial(self._is_recovery_over, recovery), f"what {recovery} says")
            with suppress(AssertionError):
                self.run.wait_for_end(recovery, _RECOVERY_END_SECONDS)
                uuid, seqno = self._find_positions(recovery)[-1]
                return uuid, int(seqno)
            self.run.send_signal(recovery, signal.SIGKILL)
        raise RuntimeError(f"{self.name} can't be recovered:\n{self.run.read_last_output(recovery)}")

    def _is_recovery_over(self, recovery: str) -> bool:
        """Return True if the recovery process with this name has printed a position or has ended."""
        return bool(self._find_positions(recovery)) or self.run.get_exit_status(recovery) is not None

    def _find_positions(self, recovery: str) -> list[tuple[str, str]]:
        """Return the positions (history id, sequence number) in the output of the recovery process."""
        return [
            (uuid, seqno) for uuid, seqno in _RECOVERED_POSITION_PATTERN.findall(self.run.read_last_output(recovery))
        ]


@dataclass(frozen=True)
class Cluster:
    """A running cluster with its nodes in the order of their numbers."""

    nodes: tuple[Node, ...]

    def begin_cluster(self, first: Node) -> None:
        """Start a new cluster with the node `first`, then let the other nodes join one after another. Two nodes that
        join at the same time can take half a minute to agree on the members.
        """
        first.start_joining(_NEW_CLUSTER_OPTION)
        first.wait_until_ready()
        for size, node in enumerate([node for node in self.nodes if node != first], start=2):
            node.start_joining()
            wait_until(partial(_has_size, first, size), f"{node.name} in the group", SYNC_WAIT_SECONDS)
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Wait until all running nodes are synchronised with each other."""
        running = [node for node in self.nodes if node.is_alive]
        for node in running:
            node.wait_until_ready()
        size = len(running)
        wait_until(lambda: all(_has_size(node, size) for node in running), f"a cluster of {size}", SYNC_WAIT_SECONDS)

    def is_whole(self) -> bool:
        """Return True if all nodes are running and synchronised with each other now."""
        return all(node.is_ready() and _has_size(node, len(self.nodes)) for node in self.nodes)

    def restart_nodes(self) -> None:
        """Restart all nodes that were killed, stopped or paused. If the cluster has no quorum, start a new cluster
        with the data of the node with the newest position. The method first waits until the other nodes have noticed
        the loss, because a node that returns earlier makes all of them lose their quorum permanently.
        """
        _kill_nodes([node for node in self.nodes if node.is_paused])
        with suppress(AssertionError):  # nodes that haven't agreed by then are killed and restarted
            wait_until(self._have_nodes_agreed, "an agreement on who is left", SYNC_WAIT_SECONDS)
        _kill_nodes([node for node in self.nodes if node.is_alive and not node.is_ready()])
        wait_until(self._have_nodes_agreed, "an agreement on who was killed", SYNC_WAIT_SECONDS)
        lost = [node for node in self.nodes if not node.is_alive]
        if len(lost) == len(self.nodes):
            self._begin_anew()
        for node in lost:
            if not node.is_alive:
                node.start()
        self.wait_until_ready()
        for node in lost:
            node.rebuild_account_indexes()
        self._repair_accounts()
        for node in self.nodes:
            wait_until(partial(_can_write, node), f"a write through {node.name}", SYNC_WAIT_SECONDS)

    def _repair_accounts(self) -> None:
        """Let a node fetch a copy of all data if its accounts are damaged, or fewer than the accounts of the other
        nodes. All nodes are checked, because a test may have restarted a killed node itself. Accounts are stored in
        Aria tables, which after a kill may lack changes from before the node's position. The node doesn't request
        these changes again. On a busy machine, one node refused the accounts of all databases that were made before.
        """
        counts = {
            node: node.sql("SET SESSION wsrep_sync_wait = 7", _SELECT_ACCOUNT_COUNTS_SQL)[0] for node in self.nodes
        }
        most = max(counts.values())
        for node in self.nodes:
            if counts[node] != most or not node.has_sound_accounts():
                print(f"{node.name} has lost accounts: {counts[node]} of {most}")
                node.stop()
                (node.run.folder / node.name / "grastate.dat").unlink()
                node.start_joining()
                self.wait_until_ready()

    def _have_nodes_agreed(self) -> bool:
        """Return True if no node is joining the cluster or is too busy to answer. Each node then has ended, is
        without a cluster, or serves with others.
        """
        serving = [node for node in self.nodes if node.is_ready()]
        rest = [node for node in self.nodes if node not in serving and node.is_alive]
        alone = all(node.read_status("wsrep_cluster_status") == "non-Primary" for node in rest)
        return alone and all(_has_size(node, len(serving)) for node in serving)

    def _begin_anew(self) -> None:
        """Start a new cluster with the data of the node that has the newest position."""
        best = max(self.nodes, key=lambda node: node.find_position()[1])
        state = best.run.folder / best.name / "grastate.dat"
        best.run.write_file(f"{best.name}/{state.name}", state.read_text().replace("bootstrap: 0", "bootstrap: 1"))
        self.begin_cluster(best)


def wait_until_applied(nodes: Sequence[SqlServer]) -> None:
    """Wait until each of these servers has applied all transactions that any of them has acknowledged before this
    call. Otherwise a node may refuse an account that was made on another node, because a login, unlike a statement,
    can't wait for outstanding transactions.
    """
    for node in nodes if len(nodes) > 1 else ():
        wait_until(partial(_has_applied, node), f"{node.host}:{node.port} in step with the others")


def _has_applied(node: SqlServer) -> bool:
    with suppress(pymysql.MySQLError):  # it waits for a while only, and is asked again
        return bool(node.sql("SET SESSION wsrep_sync_wait = 7", _SELECT_ACCOUNT_COUNTS_SQL))
    return False


def _can_write(node: SqlServer) -> bool:
    """Return True if the node can create and drop a database, which all nodes apply at the same position of the
    history. On a busy machine, nodes that counted as synchronised have taken no writes for 40 s after one of them was
    restarted.
    """
    with suppress(pymysql.MySQLError):
        node.sql("CREATE DATABASE IF NOT EXISTS healed", "DROP DATABASE IF EXISTS healed")
        return True
    return False


def _kill_nodes(nodes: Sequence[Node]) -> None:
    for node in nodes:
        node.kill()


def _has_size(node: Node, size: int) -> bool:
    return node.read_status("wsrep_cluster_size") == str(size)


def find_galera_library() -> Path | None:
    """Return the path of Galera's library, or None if it isn't installed."""
    return next((path for path in GALERA_LIBRARIES if path.exists()), None)


def start_cluster(run: ServerRun, size: int = 3, extra: Sequence[str] = ()) -> Cluster:
    """Start a cluster of `size` nodes, and return it when all nodes are synchronised. `extra` are further lines of
    the configuration file.
    """
    ports = _find_free_ports(size)
    data, password = mariadb_server.make_data_folder(run, _make_node_name(0))
    cluster = Cluster(tuple(_make_node(run, number, ports, password, extra) for number in range(size)))
    first, *others = cluster.nodes
    first.start_joining(_NEW_CLUSTER_OPTION)
    first.wait_until_ready()
    first.stop()
    for node in others:
        shutil.copytree(data, run.folder / node.name, ignore=shutil.ignore_patterns("galera.cache"))
        give_to_server_user(run.folder / node.name)
    cluster.begin_cluster(first)
    return cluster


def _find_free_ports(size: int) -> list[Ports]:
    """Return free ports for `size` nodes; all ports differ."""
    ports: set[int] = set()
    while len(ports) < 4 * size:
        ports.add(find_free_port())
    return [Ports(*(ports.pop() for _ in range(4))) for _ in range(size)]


def _make_node_name(number: int) -> str:
    return f"galera-{number + 1}"


def _make_node(run: ServerRun, number: int, ports: Sequence[Ports], password: str, extra: Sequence[str]) -> Node:
    name, own = _make_node_name(number), ports[number]
    lines = (f"datadir={run.folder / name}", f"server-id={number + 1}", *_make_wsrep_options(own, ports), *extra)
    command = ("mariadbd", f"--defaults-file={mariadb_server.write_configuration(run, name, own.sql, lines)}")
    return Node(run, name, command, "127.0.0.1", own.sql, "admin", password)


def _make_wsrep_options(own: Ports, all_ports: Sequence[Ports]) -> tuple[str, ...]:
    options = (
        *(f"base_port={own.group_communication}", f"gmcast.listen_addr=tcp://127.0.0.1:{own.group_communication}"),
        *(f"ist.recv_addr=127.0.0.1:{own.missed_transactions}", "gcache.size=32M", "pc.recovery=false"),
        *("evs.keepalive_period=PT0.5S", "evs.suspect_timeout=PT2S", "evs.inactive_timeout=PT4S"),
        "evs.inactive_check_period=PT0.5S",
    )
    members = ",".join(f"127.0.0.1:{ports.group_communication}" for ports in all_ports)
    return (
        # Replication counts as a binary log: without this, whoever owns a schema may not make triggers there.
        *("log-bin-trust-function-creators=ON", "binlog-format=ROW", "innodb-autoinc-lock-mode=2"),
        *("wsrep-on=ON", f"wsrep-provider={find_galera_library()}"),
        *(f"wsrep-cluster-address=gcomm://{members}", f"wsrep-node-address=127.0.0.1:{own.group_communication}"),
        *("wsrep-sst-method=rsync", f"wsrep-sst-receive-address=127.0.0.1:{own.full_copy}"),
        f'wsrep-provider-options="{";".join(options)}"',
    )
