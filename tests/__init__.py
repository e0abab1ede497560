"""Everything that proves Shardwright, and the local cluster it is proven on."""
