"""Processes that run beside the portal: Redis, PostgreSQL, workers, the web server.

Everything here is a context manager: on leaving it, whatever the reason, what it
started is stopped. Plain Python; Django is never imported.
"""

from taxicab.core.processes.child import (
    Child,
    ProcessError,
    stop_children,
    stop_on_signals,
    supervise,
)
from taxicab.core.processes.portal import (
    Portal,
    embedded_environment,
    prepare_portal,
    running_beat,
    running_portal,
    running_web,
    running_workers,
)
from taxicab.core.processes.redis_server import RunningRedis, running_redis

__all__ = [
    "Child",
    "Portal",
    "ProcessError",
    "RunningRedis",
    "embedded_environment",
    "prepare_portal",
    "running_beat",
    "running_portal",
    "running_redis",
    "running_web",
    "running_workers",
    "stop_children",
    "stop_on_signals",
    "supervise",
]
