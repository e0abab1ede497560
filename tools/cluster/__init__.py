"""The local Kubernetes cluster that the demo and the end-to-end tests run on."""
