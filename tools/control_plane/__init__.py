"""A control plane without nodes: etcd and kube-apiserver on loopback ports, for tests of the API."""
