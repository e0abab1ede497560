"""The number of threads that torch computes with, in a process that was forked."""


def set_threads(count: int | None = None) -> None:
    """Let this process compute with `count` threads, or with as many as the process that it was forked from.

    To be called in each forked process before it computes. Its first computation with several threads would fail: each
    of them replaces the pool that the fork has left invalid, and finds none while another one does ("Invalid thread
    pool!"). One thread does it here.
    https://github.com/pytorch/pytorch/blob/v2.11.0/caffe2/utils/threadpool/pthreadpool-cpp.cc
    """
    import torch

    torch.set_num_threads(count or torch.get_num_threads())
