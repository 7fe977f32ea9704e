"""A race during which one of three database nodes is killed, and restarted before the end."""

from dataclasses import replace

from tests.races.buyers import Race
from tests.support.servers import Cluster


def add_node_death(cluster: Cluster, race: Race, dies_at: int, returns_at: int) -> Race:
    """Return a copy of the race with two interventions. The last database node is killed at the corporation number
    with the index `dies_at`, and is restarted and synchronised at the index `returns_at`."""
    victim = cluster.nodes[-1]
    return replace(race, meanwhile={dies_at: victim.kill, returns_at: cluster.restart_nodes})
