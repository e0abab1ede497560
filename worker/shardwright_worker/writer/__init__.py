"""Streams tensors into safetensors files: aligned, direct, hashed on the way, durable, in bounded memory.

    tensor -> pinned, page-aligned buffer -> pwrite (O_DIRECT where the volume can) -> fsync
                       | XXH3 of the tensor and SHA-256 of the file, while the buffer is hot

Several parts are written at a time, each by one thread that fills and hashes; a few more threads write full buffers.
"""
