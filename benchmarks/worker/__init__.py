"""The worker beside raw writes, `safetensors.save_file` and vLLM's own way to save a sharded state."""
