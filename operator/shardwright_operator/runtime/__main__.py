"""The operator's process: `python -m shardwright_operator`."""

import asyncio
import logging
import signal
import sys

from shardwright_operator.kube.kubeconfig import LoginError
from shardwright_operator.runtime import logs
from shardwright_operator.runtime.operator import Operator
from shardwright_operator.runtime.settings import Settings, read_settings


async def _run(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await Operator(settings).run(stop)


def main() -> None:
    """Run the operator until it is asked to end."""
    settings = read_settings()
    logs.set_up(settings.log_format, settings.log_level)
    try:
        asyncio.run(_run(settings))
    except LoginError as error:
        sys.exit(f"shardwright-operator: {error}")
    except KeyboardInterrupt:
        pass
    except Exception:
        logging.getLogger(__name__).exception("the operator ends with an error")
        sys.exit(1)


if __name__ == "__main__":
    main()
