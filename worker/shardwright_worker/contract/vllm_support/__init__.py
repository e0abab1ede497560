"""What Shardwright relies on of vLLM, release by release: its methods, formats and flags, as tables.

Admission rules, command line, checks before a device is taken and the serving guard all read these tables. Code that
differs between releases is in engine.compat. tests/engine/test_vllm_support.py compares the tables with the vLLM that
is installed, one of the supported releases: a name that only another release has does not fail it.
"""
