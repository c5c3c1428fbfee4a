"""The image and the compose file, read without a Docker engine."""

import importlib.util
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "docker" / "compose.yaml"
DOCKERFILE = (ROOT / "docker" / "Dockerfile").read_text()
SECRETS = ("TAXICAB_SECRET_KEY", "TAXICAB_DB_PASSWORD", "TAXICAB_REDIS_PASSWORD")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load(COMPOSE.read_text())


def is_ours(service: dict[str, Any]) -> bool:
    return service["image"] == "taxicab"


def words_of(service: dict[str, Any]) -> list[str]:
    """The programs and arguments of a command, a shell's script taken apart."""
    command = service.get("command", [])
    if command[:2] == ["sh", "-c"]:
        return shlex.split(command[2].replace("$$", "$"))
    return command


def test_every_part_of_the_portal_is_there(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert {"web", "beat", "postgres", "redis", "setup"} <= services.keys()
    workers = {n: s for n, s in services.items() if n.startswith("worker-")}
    # One worker a queue, named after it, and one for the portal's own tasks.
    assert {n: s["environment"]["QUEUE"] for n, s in workers.items()} == {
        name: name.removeprefix("worker-") for name in workers
    }
    assert {"worker-portal", "worker-usdf-main-tiles"} <= workers.keys()
    assert len(workers) >= 4


def test_commands_name_what_exists(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        if not is_ours(service):
            continue
        words = words_of(service)
        if "--app" in words:
            module = words[words.index("--app") + 1]
            assert importlib.util.find_spec(module), name
        if "python" in words:
            assert (ROOT / words[words.index("python") + 1]).exists(), name
    assert importlib.util.find_spec("gunicorn")
    assert importlib.util.find_spec("taxicab.wsgi")
    health = compose["services"]["web"]["healthcheck"]["test"]
    assert (ROOT / health[-1]).exists()


def test_secrets_have_no_default(compose: dict[str, Any]) -> None:
    text = COMPOSE.read_text()
    for name in SECRETS:
        uses = re.findall(r"\$\{" + name + r"([^}]*)\}", text)
        assert uses, name
        assert all(use.startswith(":?") for use in uses), name


def test_services_wait_for_a_healthy_database(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for name, service in services.items():
        for other, condition in service.get("depends_on", {}).items():
            assert other in services, name
            if condition["condition"] == "service_healthy":
                assert "healthcheck" in services[other], other
        if is_ours(service) and name != "setup":
            assert service["depends_on"]["setup"] == {
                "condition": "service_completed_successfully"
            }
    assert set(services["setup"]["depends_on"]) == {"postgres", "redis"}


def test_sites_share_inboxes_and_nothing_else(compose: dict[str, Any]) -> None:
    services = compose["services"]

    def volumes(name: str) -> set[str]:
        return {mount.partition(":")[0] for mount in services[name]["volumes"]}

    sites = [name for name in services if name.startswith("worker-")]
    for name in ("worker-summit-comcam", "worker-tts-comcam"):
        shared = set().union(*(volumes(other) for other in sites if other != name))
        common = volumes(name) & shared
        assert common == {f"{name.removeprefix('worker-')}-inbox"}
    for service in services.values():
        for mount in service.get("volumes", []):
            assert mount.partition(":")[0] in compose["volumes"]


def test_image_is_locked_and_unprivileged() -> None:
    assert re.search(r"^FROM python:3\.1[12]-slim$", DOCKERFILE, re.MULTILINE)
    assert "--require-hashes" in DOCKERFILE
    user = DOCKERFILE.index("\nUSER taxicab")
    assert user < DOCKERFILE.index("\nCMD ")
    assert "USER root" not in DOCKERFILE
    for source in re.findall(r"^COPY (.+) \S+$", DOCKERFILE, re.MULTILINE):
        for path in source.split():
            assert (ROOT / path).exists(), path


def test_build_context_holds_all_that_is_copied() -> None:
    kept = [
        line[1:]
        for line in (ROOT / "docker" / "Dockerfile.dockerignore").read_text().split()
        if line.startswith("!")
    ]
    for source in re.findall(r"^COPY (.+) \S+$", DOCKERFILE, re.MULTILINE):
        assert set(source.split()) <= set(kept)
