"""Runs the demo: `python -m tools.demo`. The cluster keeps running, and the demo can be run again."""

from __future__ import annotations

import shutil
import subprocess
import sys

from tools.cluster.binaries import binary
from tools.cluster.description import Description
from tools.cluster.paths import LOG, ROOT
from tools.demo.console import DemoError, command, live, show, step
from tools.demo.progress import follow
from tools.testing import release
from tools.testing.checkpoints import KIND, Checkpoint
from tools.testing.kubectl import Kubectl, Object
from tools.testing.model_upload import upload_models
from tools.testing.pod_builders import claim
from tools.testing.pod_runs import run_script
from tools.testing.tiny_llama import STORY
from tools.testing.vllm_server import ON_CPU, Answer, ask, server_pod, wait_serving

NAMESPACE = "shardwright-demo"
NAME = "tiny-llama-tp2"
EXAMPLE = "examples/quickstart.yaml"
PROMPT = STORY.split(maxsplit=1)[0]


def main() -> int:
    """Return zero if every step succeeded."""
    try:
        _run()
    except DemoError as error:
        print(f"\nmake demo: {error}\n{error.logs}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nmake demo: stopped; the cluster keeps running (`make demo-down` stops it)", file=sys.stderr)
        return 130
    return 0


def _run() -> None:
    cluster_logs = f"Logs: {LOG}"
    with step("1/7  A Kubernetes cluster with simulated GPUs", cluster_logs):
        _cluster("up")
    with step("2/7  The images of the operator and the worker", cluster_logs):
        _cluster("load")
    cluster = Description.read()
    demo = Kubectl(cluster.kubeconfig, NAMESPACE)
    logs = f"Logs: kubectl --kubeconfig {cluster.kubeconfig} -n"
    with step("3/7  The operator, installed with Helm", f"{logs} {release.NAMESPACE} logs deployment/shardwright"):
        command(f"helm upgrade --install shardwright charts/shardwright --namespace {release.NAMESPACE}")
        show(release.install(cluster).run("get", "pods"))
    with step("4/7  A tiny Llama on a PersistentVolumeClaim", f"{logs} {NAMESPACE} describe pod,pvc"):
        _reset_namespace(demo)
        demo.apply(claim("models", storage_class=cluster.storage_class))
        upload_models(demo, "models", cluster.images["worker-prepare"], {"tiny-llama": ""})
        show(demo.run("get", "pvc"))
    with step("5/7  A ShardedCheckpoint", f"{logs} {NAMESPACE} describe sckpt,jobs,pods"):
        resource = _shard(demo)
    with step("6/7  The files of the artifact", f"{logs} {NAMESPACE} describe pods"):
        artifact = resource["status"]["artifact"]
        script = f"ls -l /shards/{artifact['path']}"
        command(script)
        show(run_script(demo, "shards", cluster.images["worker-prepare"], script, read_only=True))
    with step(
        "7/7  A stock vLLM with the arguments of status.serving, and one on the source",
        f"{logs} {NAMESPACE} describe pods",
    ):
        _serve(demo, cluster, resource)
    _what_next(cluster)


def _cluster(what: str) -> None:
    # Its output goes to the terminal.
    if code := subprocess.run([sys.executable, "-m", "tools.cluster", what], cwd=ROOT).returncode:
        raise RuntimeError(f"`python3 -m tools.cluster {what}` exited with {code}; see its output above")


def _reset_namespace(demo: Kubectl) -> None:
    """Create the namespace, without the objects of an earlier run."""
    demo.delete("namespace", NAMESPACE, "--timeout=300s")
    demo.create_namespace()


def _shard(demo: Kubectl) -> Object:
    command(f"cat {EXAMPLE}")
    show((ROOT / EXAMPLE).read_text())
    command(f"kubectl apply -f {EXAMPLE}")
    show(demo.run("apply", "--filename", str(ROOT / EXAMPLE)))
    command("kubectl get sckpt --watch")
    resource = follow(Checkpoint(demo, NAME))
    command("kubectl get sckpt")
    show(demo.run("get", KIND))
    for one in resource["status"]["conditions"]:
        show(f"{one['type']:18}{one['status']:8}{one['reason']:14}{one.get('message', '')}")
    return resource


def _serve(demo: Kubectl, cluster: Description, resource: Object) -> None:
    serving = resource["status"]["serving"]
    show(f"(with {' '.join(ON_CPU)} in addition, for vLLM's CPU build)")
    command(f"vllm serve {' '.join(serving['args'])}")
    shards = _answer(demo, cluster, "from-shards", serving["args"], serving["volume"])
    source_arguments = ["--model", "/models/tiny-llama", "--tensor-parallel-size", "2"]
    command(f"vllm serve {' '.join(source_arguments)}")
    source_volume = {"claimName": "models", "mountPath": "/models"}
    source = _answer(demo, cluster, "from-source", source_arguments, source_volume)
    show(f"prompt       {PROMPT}\nfrom shards {shards.text}\nfrom source {source.text}")
    if shards != source:
        raise RuntimeError(f"the completions differ: {shards} {source}")
    show(f"{len(shards.tokens)} equal tokens with equal log-probabilities")


def _answer(demo: Kubectl, cluster: Description, name: str, arguments: list[str], volume: Object) -> Answer:
    demo.apply(server_pod(name, cluster.images["worker-engine"], arguments, volume, cluster.accelerator, 2))
    live("vLLM is starting ...")
    wait_serving(demo, name)
    model = arguments[arguments.index("--model") + 1]
    completion = ask(demo, name, model, PROMPT)
    live("vLLM is serving", last=True)
    demo.delete("pod", name, "--wait=false")
    return completion


def _what_next(cluster: Description) -> None:
    print("\nThe cluster keeps running. What to try next:")
    if not shutil.which("kubectl"):
        show(f'export PATH="{binary("kubectl").parent}:$PATH"')
    show(
        f"""
export KUBECONFIG={cluster.kubeconfig}
kubectl config set-context --current --namespace={NAMESPACE}
kubectl describe sckpt {NAME}                       # conditions, artifact, serving, Events
kubectl get sckpt {NAME} -o jsonpath='{{.status.serving}}'
# a tensor parallel size that does not divide the heads: see the condition Ready
kubectl patch sckpt {NAME} --type=merge -p '{{"spec":{{"engine":{{"tensorParallelSize":3}}}}}}'
# one that does: a second artifact; the first stays until the second is Ready
kubectl patch sckpt {NAME} --type=merge -p '{{"spec":{{"engine":{{"tensorParallelSize":1}}}}}}'
make demo-down                                      # stop the cluster and delete its state
""".strip()
    )


if __name__ == "__main__":
    sys.exit(main())
