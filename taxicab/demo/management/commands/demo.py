"""Build the demonstration observatory, live its life, and serve the portal."""

import os
import subprocess
import sys
from argparse import ArgumentParser
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from taxicab.core.processes.child import stop_on_signals, supervise
from taxicab.core.processes.portal import (
    embedded_environment,
    prepare_portal,
    running_beat,
    running_web,
    running_workers,
)
from taxicab.core.processes.redis_server import running_redis
from taxicab.demo.sites import QUEUES
from taxicab.errors import TaxicabError


class Command(BaseCommand):
    """Runs the processes; the story itself runs beside them (``live_demo``)."""

    help = __doc__
    # The environment that makes this installation safe is set up here.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--exit",
            action="store_true",
            help="Stop after the story instead of serving; exit code 0 only if every "
            "connected repository is deployed and self-reviewed.",
        )
        parser.add_argument(
            "--bind",
            default=os.environ.get("TAXICAB_BIND", "127.0.0.1:8000"),
            help="Address to serve on (default %(default)s).",
        )
        parser.add_argument(
            "--detectors",
            default="",
            help="Simulate only some detectors, such as 0,1; all nine by default.",
        )

        parser.add_argument(
            "--full",
            action="store_true",
            help="Build every type of calibration instead, and bias and dark of "
            "LSSTCam's 205 detectors; takes about half an hour on two cores.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Start what the portal needs, live the story, serve."""
        data: Path = settings.TAXICAB_DATA
        logs = data / "logs"
        environment = embedded_environment(data, bind=options["bind"])
        try:
            with stop_on_signals(), ExitStack() as stack:
                children = []
                if not environment.get("TAXICAB_REDIS_URL"):
                    redis = stack.enter_context(
                        running_redis(data / "redis", log=logs / "redis.log")
                    )
                    environment["TAXICAB_REDIS_URL"] = redis.url
                    children.append(redis.child)
                prepare_portal(environment)
                workers = stack.enter_context(
                    running_workers(QUEUES, logs, environment)
                )
                beat = stack.enter_context(running_beat(logs, environment))
                self._live(environment, _story_options(options))
                if options["exit"]:
                    return
                web = stack.enter_context(running_web(logs, environment))
                self.stdout.write(f"\nThe portal serves on http://{options['bind']}/")
                self.stdout.write("Ctrl-C stops it; `make run` serves it again.")
                supervise([*children, *workers.values(), beat, web])
        except TaxicabError as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            self.stdout.write("Stopped.")

    def _live(self, environment: dict[str, str], arguments: list[str]) -> None:
        told = subprocess.run(
            [sys.executable, "-m", "django", "live_demo", *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        if told.returncode:
            raise CommandError(
                "The demonstration did not reach its end: the reason stands above, "
                f"the logs are in {settings.TAXICAB_DATA / 'logs'}. Run it again: it "
                "continues where it stopped.",
                returncode=told.returncode,
            )


def _story_options(options: dict[str, Any]) -> list[str]:
    """Give what the story is told with."""
    full = ["--full"] if options["full"] else []
    return [*full, "--detectors", options["detectors"]]
