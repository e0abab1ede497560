"""`make demo`: from `kubectl apply` to completions from the shards, on a cluster on this machine."""
