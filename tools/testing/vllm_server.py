"""A stock vLLM server in a pod, which serves the shards as in `status.serving` or the source, and requests to it."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from tools.testing.kubectl import Kubectl, KubectlError, Object, wait_for
from tools.testing.pod_builders import pod

# What vLLM's CPU build needs on a machine without a compiler; none of it changes how weights are loaded.
ON_CPU = ["--enforce-eager", "--max-model-len", "128", "--max-num-seqs", "4"]
_ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "HOME": "/tmp",
    "OMP_NUM_THREADS": "1",
    "TORCH_COMPILE_DISABLE": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_NO_USAGE_STATS": "1",
}
_ASK = """
import sys, urllib.request
header = {"Content-Type": "application/json"}
request = urllib.request.Request("http://127.0.0.1:8000/v1/completions", sys.argv[1].encode(), header)
sys.stdout.write(urllib.request.urlopen(request).read().decode())
"""


class Answer(NamedTuple):
    """A completion: text, tokens, and the log-probability of each."""

    text: str
    tokens: list[str]
    log_probabilities: list[float]


def server_pod(name: str, image: str, arguments: list[str], volume: Object, accelerator: str, count: int) -> Object:
    """Return a pod with vLLM's own server; `volume` is the one of `status.serving`."""
    mount = {"name": "models", "mountPath": volume["mountPath"], "readOnly": True}
    if volume.get("subPath"):
        mount["subPath"] = volume["subPath"]
    container = {
        "image": image,
        # The module that `vllm serve` runs; the command itself fails with the CPU build, a package of another name.
        # https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/entrypoints/cli/main.py#L99
        "command": ["python3", "-m", "vllm.entrypoints.openai.api_server"],
        "args": [*arguments, *ON_CPU],
        "env": [{"name": key, "value": value} for key, value in _ENVIRONMENT.items()],
        "ports": [{"containerPort": 8000}],
        "readinessProbe": {"httpGet": {"path": "/health", "port": 8000}, "periodSeconds": 2, "timeoutSeconds": 5},
        "resources": {"limits": {accelerator: str(count)}},
        "volumeMounts": [mount],
    }
    models = {"name": "models", "persistentVolumeClaim": {"claimName": volume["claimName"], "readOnly": True}}
    return pod(name, [container], [models])


def wait_serving(kubectl: Kubectl, name: str, seconds: float = 600) -> None:
    """Wait until the server's readiness probe succeeds.

    Raises:
        KubectlError: the pod terminated; the message has its log.
    """

    def state(one: Object) -> tuple[str, bool]:
        conditions = {each["type"]: each["status"] for each in one["status"].get("conditions", [])}
        return one["status"].get("phase", ""), conditions.get("Ready") == "True"

    found = wait_for(
        lambda: state(kubectl.read("pod", name)),
        lambda now: now[1] or now[0] in ("Failed", "Succeeded"),
        f"pod {name} serving",
        seconds,
    )
    if not found[1]:
        raise KubectlError(f"pod {name} terminated: {kubectl.logs(name)[-4000:]}")


def ask(kubectl: Kubectl, name: str, model: str, prompt: str) -> Answer:
    """Return the server's greedy completion of a prompt, requested from within its pod."""
    request = {"model": model, "prompt": prompt, "max_tokens": 32, "temperature": 0, "logprobs": 1}
    answer: Any = json.loads(kubectl.run("exec", name, "--", "python3", "-c", _ASK, json.dumps(request)))
    choice = answer["choices"][0]
    logprobs = choice["logprobs"]
    return Answer(choice["text"], logprobs["tokens"], logprobs["token_logprobs"])
