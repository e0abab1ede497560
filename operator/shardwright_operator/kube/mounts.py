"""What pods mount of which claims: asked live, right when something may be removed."""

import re
from collections.abc import Collection, Mapping

from shardwright_operator.api.output_folder import normalized
from shardwright_operator.kube.client import Client
from shardwright_operator.kube.fields import Raw, flag, mapping, mappings, text
from shardwright_operator.kube.kinds import PODS

_VARIABLE = re.compile(r"\$\(([^()]*)\)")
_CONTAINERS = ("initContainers", "containers", "ephemeralContainers")


async def read_claim_users(
    client: Client, namespace: str, workers: Collection[str] = ()
) -> Mapping[str, tuple[str, ...]] | None:
    """Which folders of which claims are mounted by pods that have not ended ("" is a whole volume).

    `workers`: uids of Jobs whose pods do not count. None if a pod cannot be read: nobody knows what it mounts.
    """
    users: dict[str, set[str]] = {}
    for raw in await client.list(PODS, namespace):
        try:
            for claim, path in _mounts(raw, workers):
                users.setdefault(claim, set()).add(path)
        except (ValueError, AttributeError, TypeError):
            return None
    return {claim: tuple(sorted(paths)) for claim, paths in users.items()}


def _mounts(pod: Raw, workers: Collection[str]) -> list[tuple[str, str]]:
    if text(mapping(pod, "status"), "phase") in ("Succeeded", "Failed") or _controller(pod) in workers:
        return []
    spec = mapping(pod, "spec")
    volumes = {text(one, "name"): _claim(pod, one) for one in mappings(spec, "volumes")}
    containers = [container for kind in _CONTAINERS for container in mappings(spec, kind)]
    return [
        (claim, mounted_path(pod, container, mount))
        for container in containers
        for mount in mappings(container, "volumeMounts")
        if (claim := volumes.get(text(mount, "name")))
    ]


def _claim(pod: Raw, volume: Raw) -> str:
    """The claim of a volume; a generic ephemeral volume has one named after pod and volume."""
    if "ephemeral" in volume:
        return f"{text(mapping(pod, 'metadata'), 'name')}-{text(volume, 'name')}"
    return text(mapping(volume, "persistentVolumeClaim"), "claimName")


def _controller(pod: Raw) -> str:
    owners = mappings(mapping(pod, "metadata"), "ownerReferences")
    return next((text(one, "uid") for one in owners if flag(one, "controller") and text(one, "kind") == "Job"), "")


def mounted_path(pod: Raw, container: Raw, mount: Raw) -> str:
    """The folder that a container mounts; the whole volume ("") if its path has variables that are not known here."""
    if not (expression := text(mount, "subPathExpr")):
        return normalized(text(mount, "subPath"))
    metadata = mapping(pod, "metadata")
    fields = {f"metadata.{name}": text(metadata, name) for name in ("name", "namespace", "uid")}
    values: dict[str, str] = {}
    for one in mappings(container, "env"):
        field = text(mapping(mapping(one, "valueFrom"), "fieldRef"), "fieldPath")
        value = fields.get(field) if "valueFrom" in one else text(one, "value")
        values.pop(text(one, "name"), None)  # of two with one name the last counts
        if value and "$" not in value:
            values[text(one, "name")] = value
    names = _VARIABLE.findall(expression)
    if "$" in _VARIABLE.sub("", expression) or any(name not in values for name in names):
        return ""
    return normalized(_VARIABLE.sub(lambda found: values[found.group(1)], expression))
