"""The ShardedCheckpoint resource: frozen types of spec and status, the names it uses, and the CRD."""
