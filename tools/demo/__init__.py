"""`make demo`: from `kubectl apply` to answers from the shards, on a cluster, with a person watching."""
