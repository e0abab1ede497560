"""Finds which folders of which claims pods mount, read live just before something may be removed."""

import re
from collections.abc import Collection, Mapping

from shardwright_operator.api.output_folder import normalized
from shardwright_operator.kube.client import Client
from shardwright_operator.kube.convert.fields import Raw, boolean, mapping, mappings, text
from shardwright_operator.kube.kinds import PODS

_VARIABLE = re.compile(r"\$\(([^()]*)\)")
_CONTAINERS = ("initContainers", "containers", "ephemeralContainers")


async def list_mounted_folders(
    client: Client, namespace: str, workers: Collection[str] = ()
) -> Mapping[str, tuple[str, ...]] | None:
    """Return the folders of each claim that pods mount which have not ended; "" is a whole volume.

    `workers` are uids of Jobs whose pods do not count. None if a pod is malformed: what it mounts is not known.

    Raises:
        ApiError: the pods could not be listed.
    """
    folders: dict[str, set[str]] = {}
    for raw in await client.list(PODS, namespace):
        try:
            for claim, path in _mounts(raw, workers):
                folders.setdefault(claim, set()).add(path)
        except (ValueError, AttributeError, TypeError):
            return None
    return {claim: tuple(sorted(paths)) for claim, paths in folders.items()}


def mounted_path(pod: Raw, container: Raw, mount: Raw) -> str:
    """Return the folder that a container mounts, "" if it is the whole volume or its path has unknown variables.

    https://github.com/kubernetes/api/blob/v0.36.3/core/v1/types.go#L2418
    """
    if not (expression := text(mount, "subPathExpr")):
        return normalized(text(mount, "subPath"))
    metadata = mapping(pod, "metadata")
    fields = {f"metadata.{name}": text(metadata, name) for name in ("name", "namespace", "uid")}
    values: dict[str, str] = {}
    for variable in mappings(container, "env"):
        field = text(mapping(mapping(variable, "valueFrom"), "fieldRef"), "fieldPath")
        value = fields.get(field) if "valueFrom" in variable else text(variable, "value")
        values.pop(text(variable, "name"), None)  # of two variables with one name the last counts
        if value and "$" not in value:
            values[text(variable, "name")] = value
    names = _VARIABLE.findall(expression)
    if "$" in _VARIABLE.sub("", expression) or any(name not in values for name in names):
        return ""
    return normalized(_VARIABLE.sub(lambda found: values[found.group(1)], expression))


def _mounts(pod: Raw, workers: Collection[str]) -> list[tuple[str, str]]:
    """Return the claim and the folder of each mount of a pod."""
    if text(mapping(pod, "status"), "phase") in ("Succeeded", "Failed") or _controlling_job(pod) in workers:
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
    """Return the claim of a volume, empty if it has none. A generic ephemeral volume has one named after the pod.

    https://github.com/kubernetes/component-helpers/blob/v0.36.3/storage/ephemeral/ephemeral.go#L41
    """
    if "ephemeral" in volume:
        return f"{text(mapping(pod, 'metadata'), 'name')}-{text(volume, 'name')}"
    return text(mapping(volume, "persistentVolumeClaim"), "claimName")


def _controlling_job(pod: Raw) -> str:
    owners = mappings(mapping(pod, "metadata"), "ownerReferences")
    return next((text(one, "uid") for one in owners if boolean(one, "controller") and text(one, "kind") == "Job"), "")
