"""Ray nodes on this machine: a head that trains, and others that offer a resource and have no processors."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any

from nas.schedule.ray_cluster import quiet, ray_settings

SMALL = 80 * 2**20  # bytes of a node's object store


class Nodes:
    """A Ray cluster of several nodes; `edge` is the one that offers `edge-box`, None while it is away."""

    def __init__(self, edge_folder: Path) -> None:
        ray_settings()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from ray._common.utils import get_ray_address_file
            from ray.cluster_utils import Cluster
        # Where a cluster is noted for others, in whatever folder it works; Ray does not make that one.
        Path(get_ray_address_file(None)).parent.mkdir(parents=True, exist_ok=True)
        self._temporary = tempfile.mkdtemp(prefix="nas-nodes-", dir="/tmp")
        self._edge_folder = edge_folder
        with quiet():
            head = {"num_cpus": 2, "include_dashboard": False, "temp_dir": self._temporary}
            self._cluster = Cluster(initialize_head=True, head_node_args={**head, "object_store_memory": SMALL})
        self.edge: Any = None
        self.come()

    @property
    def address(self) -> str:
        return str(self._cluster.address)

    @property
    def head_id(self) -> str:
        return str(self._cluster.head_node.node_id)

    @property
    def edge_id(self) -> str:
        return str(self.edge.node_id)

    def come(self) -> None:
        """Start the node that offers `edge-box`, where it is away."""
        if self.edge is None:
            self.edge = self.add("edge-box", self._edge_folder)

    def go(self) -> None:
        """Stop that node."""
        with quiet():
            self._cluster.remove_node(self.edge)
        self.edge = None

    def add(self, resource: str, folder: Path) -> Any:
        """Another node; `folder` is where its locks are, as on another host."""
        folder.mkdir(parents=True, exist_ok=True)
        with quiet():
            return self._cluster.add_node(
                num_cpus=0,
                resources={resource: 1},
                object_store_memory=SMALL,
                temp_dir=self._temporary,
                env_vars={"NAS_LOCK_DIR": str(folder)},
            )

    def end(self) -> None:
        with quiet():
            self._cluster.shutdown()
        shutil.rmtree(self._temporary, ignore_errors=True)
