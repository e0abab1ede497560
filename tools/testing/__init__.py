"""Parts that play the world around the operator in tests: pods, workers, the operator process."""
