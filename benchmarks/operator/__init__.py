"""The operator under load, on a real etcd, kube-apiserver, Job controller and scheduler with simulated nodes (kwok)."""
