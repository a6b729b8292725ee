"""What lies in deploy/ holds against its schemas, as far as that can be told without running it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from psd.config_sources import load_settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").rglob("*.service"))
OWN_UNITS = [path for path in UNITS if path.name.startswith("psd-")]
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
EXPOSURE_MAX = 1.5
"""Of systemd's scale from 0 to 10, on which what is called OK ends at 4."""


def program(name: str) -> str:
    found = shutil.which(name)
    if found:
        return found
    reason = f"{name} is missing"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def ran(*command: str | Path) -> subprocess.CompletedProcess[str]:
    words = [str(word) for word in command]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)


def documents() -> list[Any]:
    found = []
    for path in MANIFESTS:
        if path.name != "kustomization.yaml":
            found += list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    return found


def of_kind(kind: str) -> list[Any]:
    return [each for each in documents() if each["kind"] == kind]


@pytest.mark.parametrize("document", documents(), ids=lambda each: each["kind"])
def test_a_manifest_is_what_the_api_takes(document: Any) -> None:
    kubernetes_validate.validate(document, "1.31", strict=True)


def test_kustomize_applies_every_manifest() -> None:
    text = (DEPLOY / "kubernetes" / "kustomization.yaml").read_text(encoding="utf-8")
    names = {path.name for path in MANIFESTS} - {"kustomization.yaml"}
    assert set(yaml.safe_load(text)["resources"]) == names


def test_what_is_selected_is_what_is_there() -> None:
    labels = {
        each["metadata"]["name"]: each["spec"]["template"]["metadata"]["labels"]
        for each in of_kind("Deployment")
    }
    assert set(labels) == {"psd-server", "psd-worker"}
    for each in of_kind("PodDisruptionBudget"):
        name = each["metadata"]["name"]
        assert each["spec"]["selector"]["matchLabels"] == labels[name]
    [service] = of_kind("Service")
    assert service["spec"]["selector"] == labels["psd-server"]


def test_pods_are_probed_and_have_no_rights() -> None:
    for each in of_kind("Deployment"):
        [container] = each["spec"]["template"]["spec"]["containers"]
        probed = {container[kind]["httpGet"]["path"] for kind in ("livenessProbe", "startupProbe")}
        assert probed == {"/healthz"}
        assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert each["spec"]["template"]["spec"]["securityContext"]["runAsNonRoot"]


def settings_in(environment: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """The environment with files that are there, for what names one."""
    secret = tmp_path / "secret"
    secret.write_text("rediss://psd:p@redis:6379/0\n", encoding="utf-8")
    return {
        name: str(secret) if name.endswith("_FILE") else value
        for name, value in environment.items()
        if name.startswith("PSD_")
    }


def test_the_settings_of_pods_are_settings(tmp_path: Path) -> None:
    [config] = of_kind("ConfigMap")
    pods = [each["spec"]["template"]["spec"] for each in of_kind("Deployment")]
    [job] = of_kind("CronJob")
    pods.append(job["spec"]["jobTemplate"]["spec"]["template"]["spec"])
    for pod in pods:
        [container] = pod["containers"]
        own = {each["name"]: each["value"] for each in container["env"]}
        found = load_settings(environ=settings_in({**config["data"], **own}, tmp_path))
        assert found.settings.archive.folder == "/var/lib/psd/archive"


def compose() -> Any:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))


def test_compose_takes_its_file(tmp_path: Path) -> None:
    copy = tmp_path / "deploy"
    shutil.copytree(DEPLOY, copy)
    (copy / "secrets").mkdir()
    for name in ("tokens", "psd_token"):
        (copy / "secrets" / name).touch()
    done = ran(program("docker-compose"), "--file", copy / "compose.yaml", "config", "--quiet")
    assert done.returncode == 0, done.stderr


def test_compose_has_all_that_the_page_names_and_settings_that_are_some(tmp_path: Path) -> None:
    services = compose()["services"]
    named = {"redis", "nsqd", "nsqlookupd", "server", "worker-1", "worker-2", "prometheus"}
    assert set(services) == {*named, "grafana"}
    for name in ("server", "worker-1", "worker-2"):
        environment = settings_in(services[name]["environment"], tmp_path)
        settings = load_settings(environ=environment).settings
        assert settings.queue.lookupd_addresses == ("nsqlookupd:4161",)
        assert services[name]["read_only"]


def test_what_compose_mounts_is_there() -> None:
    for name, service in compose()["services"].items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("./"):
                assert (DEPLOY / source).is_dir(), (name, source)


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_a_unit_is_one_to_systemd(unit: Path, tmp_path: Path) -> None:
    # Its program is not installed here; everything else is looked at.
    copy = tmp_path / unit.name.replace("@", "@1")
    own = re.compile(r"^ExecStart=\S+", re.MULTILINE)
    text = own.sub("ExecStart=/bin/true", unit.read_text(encoding="utf-8"))
    copy.write_text(text, encoding="utf-8")
    done = ran(program("systemd-analyze"), "verify", "--man=no", copy)
    about_it = [line for line in done.stderr.splitlines() if copy.name in line]
    assert (done.returncode, about_it) == (0, [])


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_a_unit_is_shut_in(unit: Path, tmp_path: Path) -> None:
    copy = tmp_path / unit.name.replace("@", "@1")
    shutil.copy(unit, copy)
    limit = f"--threshold={round(EXPOSURE_MAX * 10)}"
    done = ran(program("systemd-analyze"), "security", "--offline=true", limit, "--no-pager", copy)
    assert done.returncode == 0, done.stdout
    [exposure] = re.findall(r"exposure level for \S+: ([0-9.]+)", done.stdout)
    assert float(exposure) <= EXPOSURE_MAX


@pytest.mark.parametrize("unit", OWN_UNITS, ids=lambda path: path.name)
def test_a_unit_waits_for_longer_than_psd_takes(unit: Path) -> None:
    text = unit.read_text(encoding="utf-8")
    settings = load_settings(environ={}).settings
    [stop_s] = re.findall(r"^TimeoutStopSec=(\d+)$", text, re.MULTILINE)
    needed_s = max(settings.server.shutdown_timeout_s, settings.worker.shutdown_timeout_s)
    assert int(stop_s) > needed_s + 5
    assert "Type=notify" in text
    assert "WatchdogSec=" in text


def test_the_image_is_built_of_what_the_package_is_built_of() -> None:
    text = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8")
    kept = {line[1:] for line in text.splitlines() if line.startswith("!")}
    assert [name for name in kept if not (ROOT / name).exists()] == []
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    forced = re.findall(r'^"([^"]+)" = "psd/', project, re.MULTILINE)
    assert forced
    assert set(forced) <= kept


def test_the_user_of_redis_is_that_of_the_page() -> None:
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    [line] = re.findall(r"^ACL SETUSER (psd .+)$", page, re.MULTILINE)
    lines = (DEPLOY / "redis" / "users.acl").read_text(encoding="utf-8").splitlines()
    assert lines == ["user default off", f"user {line}"]


def test_prometheus_scrapes_in_compose_what_it_scrapes_elsewhere_and_shows_a_token() -> None:
    plain, own = (
        yaml.safe_load((DEPLOY / "prometheus" / name).read_text(encoding="utf-8"))
        for name in ("prometheus.yml", "compose.yml")
    )
    [server] = [each for each in own["scrape_configs"] if each["job_name"] == "psd-server"]
    assert server.pop("authorization") == {"credentials_file": "/run/secrets/psd_token"}
    assert own == plain
    services = compose()["services"]
    asked = {job["dns_sd_configs"][0]["names"][0] for job in plain["scrape_configs"]}
    named = {*services, *services["worker-1"]["networks"]["inside"]["aliases"]}
    assert asked <= named
    provider = DEPLOY / "grafana" / "provisioning" / "dashboards" / "psd.yml"
    [folder] = yaml.safe_load(provider.read_text(encoding="utf-8"))["providers"]
    mounted = [volume.split(":")[1] for volume in services["grafana"]["volumes"]]
    assert folder["options"]["path"] in mounted
