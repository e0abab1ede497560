"""The Lease of a leader election: reads it, writes it, and decides when it has expired."""

import math
import time
from collections.abc import Callable
from typing import Any

from shardwright_operator.kube.client import Client
from shardwright_operator.kube.kinds import LEASES
from shardwright_operator.kube.responses import Raw
from shardwright_operator.kube.wall_clock import micro_time

_LONGEST_LEASE = 600.0  # seconds for which a silent holder is waited for, whatever duration it wrote
# leaseTransitions is an int32, and a negative one is rejected:
# https://github.com/kubernetes/kubernetes/blob/v1.36.3/pkg/apis/coordination/validation/validation.go#L56
_TRANSITIONS = 2**31


class LeaseLock:
    """One Lease as one candidate last observed it, client-go's resource lock.

    A Lease expires `leaseDurationSeconds` after its record was last seen to change, by this process's monotonic clock.
    The times in the record are never compared: the clocks of two nodes may differ.

    https://github.com/kubernetes/client-go/blob/v0.36.3/tools/leaderelection/leaderelection.go#L536
    """

    def __init__(
        self,
        client: Client,
        namespace: str,
        name: str,
        identity: str,
        duration: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._namespace, self._name = client, namespace, name
        self._identity, self._duration, self._clock = identity, duration, clock
        self._lease: Raw | None = None
        self._observed_at = float("-inf")
        self.is_current = False  # whether the known resourceVersion is worth a write without another read

    @property
    def expired(self) -> bool:
        """Whether the record has not changed for as long as it says that it is valid."""
        return self._clock() >= self._observed_at + self._valid_for()

    @property
    def is_ours(self) -> bool:
        """Whether this candidate is the holder in the record."""
        return self._holder() == self._identity

    @property
    def is_held_by_another(self) -> bool:
        """Whether another candidate is the holder, and the record has not expired."""
        return self._holder() not in ("", self._identity) and not self.expired

    async def read(self) -> None:
        """Observe the Lease as it is now.

        Raises:
            ApiError: the read failed; `NotFound` if there is no Lease.
        """
        self._observe(await self._client.get(LEASES, self._namespace, self._name))

    async def create(self) -> None:
        """Create the Lease with this candidate as its holder.

        Raises:
            ApiError: the write failed; `Conflict` if another candidate was faster.
        """
        body = {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "metadata": {"name": self._name, "namespace": self._namespace},
            "spec": self._acquired_spec(),
        }
        self._observe(await self._client.create(LEASES, self._namespace, body))

    async def acquire(self) -> None:
        """Write this candidate as the holder, or renew what it holds.

        Raises:
            ApiError: the write failed; `Conflict` if the Lease has changed since it was observed.
        """
        await self._write(self._acquired_spec())

    async def clear_holder(self) -> None:
        """Write a record without a holder.

        Raises:
            ApiError: the write failed; `Conflict` if the Lease has changed since it was observed.
        """
        await self._write({**self._spec(), "holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": micro_time()})

    async def _write(self, spec: Raw) -> None:
        self.is_current = False  # until the response has arrived
        # The resourceVersion in the body turns a lost race into a Conflict.
        body = {**(self._lease or {}), "spec": spec}
        self._observe(await self._client.replace(LEASES, self._namespace, self._name, body))

    def _observe(self, lease: Raw) -> None:
        if self._lease is None or self._lease.get("spec") != lease.get("spec"):
            self._observed_at = self._clock()
        self._lease, self.is_current = lease, True

    def _valid_for(self) -> float:
        """Return the duration in the record, in seconds; the configured one if it is not a sensible number."""
        found = self._spec().get("leaseDurationSeconds")
        if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found) or found <= 0:
            return self._duration
        return float(min(found, max(_LONGEST_LEASE, self._duration)))

    def _spec(self) -> Raw:
        """Return the observed record, into which any client with the permission may have written."""
        spec = (self._lease or {}).get("spec")
        return spec if isinstance(spec, dict) else {}

    def _holder(self) -> str:
        return str(self._spec().get("holderIdentity") or "")

    def _acquired_spec(self) -> dict[str, Any]:
        observed, ours = self._spec(), self._spec().get("holderIdentity") == self._identity
        transitions = _transitions(observed.get("leaseTransitions")) + (0 if ours or not observed else 1)
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": max(1, int(self._duration)),
            "acquireTime": observed.get("acquireTime") if ours else micro_time(),
            "renewTime": micro_time(),
            "leaseTransitions": transitions % _TRANSITIONS,
        }


def _transitions(found: object) -> int:
    return found if isinstance(found, int) and 0 <= found < _TRANSITIONS else 0
