"""One of three nodes is killed during a race, and restarted before its end."""

from dataclasses import replace

from tests.races.buyers import Race
from tests.support.servers import Cluster


def add_node_death(cluster: Cluster, race: Race, dies_at: int, returns_at: int) -> Race:
    """Return the race with two interventions: the last node is killed at the number with the index `dies_at`, and
    restarted and synchronised at `returns_at`."""
    victim = cluster.nodes[-1]
    return replace(race, meanwhile={dies_at: victim.kill, returns_at: cluster.restart_nodes})
