"""The worker as a program: `python -m shardwright_worker`."""

from shardwright_worker.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
