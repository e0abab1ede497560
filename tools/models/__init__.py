"""Tiny models with random weights, of every kind that is tested. Needs torch and safetensors, not vLLM."""
