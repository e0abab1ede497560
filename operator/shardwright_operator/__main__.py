"""`python -m shardwright_operator` is the operator's process."""

from shardwright_operator.runtime.__main__ import main

if __name__ == "__main__":
    main()
