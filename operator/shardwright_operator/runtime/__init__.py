"""The running process: watch, queue, workers, election, metrics, health."""
