"""Fakes and simulators for tests: an API server's faults, a kubelet, a worker, a Hub server; and object builders."""
