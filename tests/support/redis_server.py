"""A private Redis server that stores nothing on the disk, so it is empty after a kill or a restart."""

import secrets
from dataclasses import dataclass, field

from tests.support.server_process import ServerProcess
from tests.support.server_run import ServerRun, find_free_port


@dataclass(frozen=True)
class RedisServer(ServerProcess):
    """A running Redis server of a test run."""

    port: int
    password: str = field(repr=False)

    @property
    def url(self) -> str:
        """Return the URL of the server's database 0, with its password."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def is_ready(self) -> bool:
        import redis

        limits = {"socket_timeout": 20, "socket_connect_timeout": 20}  # of one attempt of many
        try:
            with redis.Redis.from_url(self.url, **limits) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


def start_redis(run: ServerRun, name: str) -> RedisServer:
    """Start a server with this name in the test run, and return it when it answers."""
    port, password = find_free_port(), secrets.token_urlsafe(12)
    settings = (f"port {port}", "bind 127.0.0.1", f"requirepass {password}", 'save ""', "appendonly no")
    file = run.write_file(f"{name}.conf", "\n".join((*settings, f"dir {run.make_folder(name)}", "")))
    server = RedisServer(run, name, ("redis-server", str(file)), port, password)
    server.start()
    return server
