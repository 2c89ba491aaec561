"""What the Dockerfile, the compose file and the instance's configuration promise, read without an engine."""

import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.fernet import Fernet

from spotify_assets.settings import Settings
from spotify_assets_tests.deployment.image import REPOSITORY, read_dockerfile
from spotify_assets_tests.deployment.stack import read_compose

COMPOSE = read_compose("deploy/celery/docker-compose.yaml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ONCE = {"migrate", "cli"}
every_service = pytest.mark.parametrize("name", sorted(SERVICES))


@every_service
def test_each_service_is_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["init"]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged")
    limits = service["deploy"]["resources"]["limits"]
    assert {"cpus", "memory", "pids"} <= limits.keys()
    assert service["restart"] == ("no" if name in ONCE else "unless-stopped")
    assert name in ONCE or service["healthcheck"]["test"][0] == "CMD"
    assert service["stop_grace_period"]
    assert not any("docker.sock" in str(mount) for mount in service.get("volumes", []))
    assert "host" not in (service.get("network_mode"), service.get("pid"), service.get("ipc"))


@every_service
def test_each_image_is_pinned_to_a_version(name: str) -> None:
    assert re.fullmatch(r"[\w./-]+:\d+\.\d+[\w.-]*", SERVICES[name]["image"])


@every_service
def test_ports_are_open_for_this_machine_only(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


@every_service
def test_secrets_come_by_file_and_to_those_only_who_name_them(name: str) -> None:
    service = SERVICES[name]
    named = {value.rpartition("/")[2] for value in service.get("environment", {}).values() if "/run/secrets/" in value}
    named |= {word.rpartition("/")[2] for word in service.get("command", []) if "/run/secrets/" in word}
    assert named == set(service["secrets"])
    assert all(COMPOSE["secrets"][secret] == {"file": f"deploy/secrets/{secret}"} for secret in named)
    for variable, value in service.get("environment", {}).items():
        assert not re.search("PASSWORD|SECRET|TOKEN|KEY|WEBHOOK|HEARTBEAT", variable) or variable.endswith("_FILE"), (
            value
        )


def test_databases_and_the_lake_are_reached_from_inside_only() -> None:
    assert COMPOSE["networks"]["inside"]["internal"]
    assert (
        SERVICES["postgres"]["networks"] == SERVICES["s3"]["networks"] == SERVICES["daemon"]["networks"] == ["inside"]
    )
    assert "outside" not in SERVICES["web"]["networks"] + SERVICES["web-read-only"]["networks"]


def test_every_secret_of_the_settings_can_come_by_file() -> None:
    read = (REPOSITORY / "deploy/with-secrets").read_text()
    secret = {name.upper() for name, about in Settings.model_fields.items() if "Secret" in str(about.annotation)}
    secret |= {"DAGSTER_PG_PASSWORD", "DAGSTER_CELERY_BROKER_URL", "DAGSTER_CELERY_BACKEND_URL"}
    assert set(re.search(r"for name in (.*?); do", read.replace("\\\n", ""))[1].split()) == secret  # type: ignore[index]


def test_the_containers_get_every_setting_that_a_person_may_choose() -> None:
    here = {"SPOTIFY_ASSETS_HOME", "SPOTIFY_ASSETS_CLOCK", "SPOTIFY_API_URL", "SPOTIFY_ACCOUNTS_URL", "SLACK_API_URL"}
    offered = set(re.findall(r"^# ([A-Z_0-9]+)=", (REPOSITORY / ".env.example").read_text(), re.MULTILINE))
    given = {name.removesuffix("_FILE") for name in SERVICES["code-server"]["environment"]}
    assert offered - here <= given


def test_secrets_are_made_once_and_closed_to_others(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    make = [REPOSITORY / "deploy/make-secrets", folder]
    subprocess.run(make, check=True)
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert first.keys() == {*COMPOSE["secrets"], "broker_password"}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    Fernet(first["token_encryption_key"].strip())
    assert len(set(first.values())) == len(first) - 4  # five are empty until a person fills them in
    (folder / "dagster_password").unlink()
    subprocess.run(make, check=True)
    again = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert {name for name in first if first[name] != again[name]} == {"dagster_password"}


def test_a_secret_that_can_t_be_read_stops_the_container_with_a_sentence(tmp_path: Path) -> None:
    entry = REPOSITORY / "deploy/with-secrets"
    done = subprocess.run(
        [entry, "env"],
        env={"SLACK_BOT_TOKEN_FILE": str(tmp_path / "none")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"SLACK_BOT_TOKEN_FILE names {tmp_path}/none, which user ")


def test_the_image_runs_as_nobody_in_particular_and_brings_its_manifest() -> None:
    build, image = read_dockerfile()
    assert image.values("USER") == ["10001:10001"]
    assert image.values("HEALTHCHECK")
    assert {build.values("FROM")[0].split()[0], *image.values("FROM")} == {"${PYTHON}"}
    assert re.search(r"^ARG PYTHON=python:3\.13\.\d+-slim-\w+$", (REPOSITORY / "Dockerfile").read_text(), re.MULTILINE)
    steps = " ".join(build.values("RUN"))
    assert steps.count("uv sync --frozen --no-default-groups") == 2
    assert "ship()" in steps
    [pin] = re.findall(r"UV_VERSION := (\S+)", (REPOSITORY / "Makefile").read_text())
    assert f"UV_VERSION={pin}" in build.values("ARG")


def test_only_what_the_image_needs_is_sent_to_the_engine() -> None:
    lines = (REPOSITORY / ".dockerignore").read_text().splitlines()
    let_in = {line[1:] for line in lines if line.startswith("!")}
    assert lines[1] == "*"
    copied = {
        source
        for stage in read_dockerfile()
        for value in stage.values("COPY")
        if not value.startswith("--from=")
        for source in value.split()[:-1]
    }
    assert let_in == copied


@pytest.mark.parametrize("path", ["deploy/dagster.yaml", "deploy/celery/dagster.yaml"])
def test_all_instances_agree_about_runs_and_what_is_kept(path: str) -> None:
    local = yaml.safe_load((REPOSITORY / "dagster.yaml").read_text())
    here = yaml.safe_load((REPOSITORY / path).read_text())
    for block in ("run_monitoring", "retention", "telemetry", "nux"):
        assert here[block] == local[block]
    assert here["storage"]["postgres"]["postgres_db"]["scheme"] == "postgresql+psycopg2"
    assert all(
        "env" in str(value) for name, value in here["storage"]["postgres"]["postgres_db"].items() if name != "scheme"
    )
