"""One of three nodes is killed in the middle of a race, and comes back before its end."""

from dataclasses import replace

from tests.races.buyers import Race
from tests.support.servers import Cluster


def one_node_dies(cluster: Cluster, race: Race, dies_at: int, returns_at: int) -> Race:
    """The race during which the last node dies at one number and is back, in step, at another."""
    victim = cluster.nodes[-1]
    return replace(race, meanwhile={dies_at: victim.kill, returns_at: cluster.heal})
