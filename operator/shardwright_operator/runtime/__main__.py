"""The operator's process: `python -m shardwright_operator`."""

import asyncio
import logging
import signal
import sys

from shardwright_operator.kube.tokens import CredentialsError
from shardwright_operator.runtime.logs import configure_logging
from shardwright_operator.runtime.operator import Operator
from shardwright_operator.runtime.settings import Settings, read_settings


async def _run(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)
    await Operator(settings).run(stop)


def main() -> None:
    """Run the operator until SIGTERM or SIGINT. Exits with status 1 after an error."""
    settings = read_settings()
    configure_logging(settings.log_format, settings.log_level)
    try:
        asyncio.run(_run(settings))
    except CredentialsError as error:
        sys.exit(f"shardwright-operator: {error}")
    except KeyboardInterrupt:
        pass
    except Exception:
        logging.getLogger(__name__).exception("the operator stopped with an error")
        sys.exit(1)


if __name__ == "__main__":
    main()
