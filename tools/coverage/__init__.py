"""Reports the test coverage of the operator and the worker."""
