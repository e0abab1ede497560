"""A Hub endpoint that accepts connections and never responds: a worker that requests it runs until it is stopped."""

from __future__ import annotations

from tools.cluster.description import IMAGES
from tools.testing.kubectl import Object
from tools.testing.pod_builders import pod

NAME = "unresponsive-hub"
_PORT = 8080
SOURCE: Object = {"huggingFace": {"repo": "org/model", "endpoint": f"http://{NAME}:{_PORT}"}}
_LISTEN = f"""
import socket
listening = socket.create_server(("", {_PORT}), backlog=64)
connections = []
while True:
    connections.append(listening.accept())
"""


def unresponsive_hub(image: str = IMAGES["worker-prepare"]) -> list[Object]:
    """Return its pod and Service, for the namespace of the resource whose source it is."""
    label = {"app": NAME}
    listener = pod(NAME, [{"image": image, "command": ["python3", "-c", _LISTEN]}], [])
    listener["metadata"]["labels"] |= label
    service = {"selector": label, "ports": [{"port": _PORT}]}
    return [listener, {"apiVersion": "v1", "kind": "Service", "metadata": {"name": NAME}, "spec": service}]
