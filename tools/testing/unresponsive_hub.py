"""A Hub endpoint that accepts connections and never responds: a worker that requests it runs until it is stopped."""

from __future__ import annotations

from tools.cluster.description import IMAGES
from tools.testing.kubectl import Kubectl, Object
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

_CONNECT = f"import socket; socket.create_connection(({NAME!r}, {_PORT}), 2)"


def start_unresponsive_hub(kubectl: Kubectl, image: str = IMAGES["worker-prepare"]) -> None:
    """Create its pod and Service in the namespace of the resource whose source it is, and wait until it accepts.

    The pod is Ready when it is reached by its name: a resource that is created earlier finds no Hub, and fails.
    """
    label = {"app": NAME}
    probe = {"exec": {"command": ["python3", "-c", _CONNECT]}, "periodSeconds": 1, "timeoutSeconds": 10}
    container = {"image": image, "command": ["python3", "-c", _LISTEN], "readinessProbe": probe}
    listener = pod(NAME, [container], [])
    listener["metadata"]["labels"] |= label
    service = {
        "clusterIP": "None",
        "publishNotReadyAddresses": True,
        "selector": label,
        "ports": [{"port": _PORT}],
    }
    kubectl.apply(listener, {"apiVersion": "v1", "kind": "Service", "metadata": {"name": NAME}, "spec": service})
    kubectl.run("wait", "--for=condition=Ready", f"pod/{NAME}", "--timeout=300s")
