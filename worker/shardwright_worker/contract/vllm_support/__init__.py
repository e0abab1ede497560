"""What Shardwright relies on of vLLM, release by release: the one place that names vLLM's methods, formats and flags.

Admission rules, command line, checks before a device is taken and the serving guard all read these tables.
tests/engine/test_vllm_support.py compares them with the vLLM that is installed, so that a new name fails a test.
"""
