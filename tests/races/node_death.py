"""A race during which one of three database nodes is killed, and restarted before the end."""

from dataclasses import replace

from tests.races.buyers import PurchaseRace
from tests.support.servers import Cluster


def add_node_death(cluster: Cluster, race: PurchaseRace, death_index: int, return_index: int) -> PurchaseRace:
    """Return a copy of the race with two interventions. The last database node is killed at the corporation number
    with the index `death_index`, and is restarted and synchronised at the index `return_index`."""
    victim = cluster.nodes[-1]
    return replace(race, function_by_number_index={death_index: victim.kill, return_index: cluster.restart_nodes})
