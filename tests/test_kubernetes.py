"""The manifests in docker/kubernetes/, against Kubernetes' own schemas and the settings."""

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from fishermask_backend.settings import Settings

FOLDER = Path(__file__).resolve().parents[1] / "docker/kubernetes"
OLDEST, NEWEST = "1.27", "1.33"

Object = dict[str, Any]


def documents() -> list[Object]:
    """Every object that `kubectl apply --kustomize` makes."""
    files = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())["resources"]
    found = [each for name in files for each in yaml.safe_load_all((FOLDER / name).read_text())]
    assert {path.name for path in FOLDER.glob("*.yaml")} == {*files, "kustomization.yaml"}
    return found


def named(kind: str, name: str = "fishermask") -> Object:
    (found,) = (x for x in documents() if (x["kind"], x["metadata"]["name"]) == (kind, name))
    return found


def pods() -> dict[str, Object]:
    """The pod specification of each deployment, by its component."""
    found = (x["spec"]["template"] for x in documents() if x["kind"] == "Deployment")
    return {x["metadata"]["labels"]["app.kubernetes.io/component"]: x["spec"] for x in found}


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_objects_are_what_kubernetes_takes(version):
    for each in documents():
        kubernetes_validate.validate(each, version, strict=True)


def test_a_wrong_object_is_refused():
    service = named("Service")
    service["spec"]["prots"] = service["spec"].pop("ports")
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(service, NEWEST, strict=True)


def test_variables_are_settings():
    names = {*named("ConfigMap")["data"], *named("Secret")["stringData"]}
    for pod in pods().values():
        (container,) = pod["containers"]
        assert container["envFrom"] == [
            {"configMapRef": {"name": "fishermask"}},
            {"secretRef": {"name": "fishermask"}},
        ]
    assert {name.lower() for name in names} <= Settings.model_fields.keys()


def test_values_are_taken_by_the_settings(monkeypatch):
    values = named("ConfigMap")["data"] | named("Secret")["stringData"]
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    settings = Settings(_env_file=None)
    assert settings.backend_url == values["BACKEND_URL"]


def test_pods_are_confined_and_share_one_volume():
    for pod in pods().values():
        (container,) = pod["containers"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {x["name"]: x["mountPath"] for x in container["volumeMounts"]} == {
            "data": "/data",
            "tmp": "/tmp",
        }
        (data,) = (volume for volume in pod["volumes"] if volume["name"] == "data")
        claim = data["persistentVolumeClaim"]["claimName"]
        assert claim == named("PersistentVolumeClaim")["metadata"]["name"]
    assert named("PersistentVolumeClaim")["spec"]["accessModes"] == ["ReadWriteMany"]


def test_service_and_policy_reach_the_web_servers():
    service, policy = named("Service"), named("NetworkPolicy")
    (web,) = pods()["web"]["containers"]
    (port,) = web["ports"]
    assert service["spec"]["ports"][0]["targetPort"] == port["name"]
    assert [p["port"] for p in policy["spec"]["ingress"][0]["ports"]] == [port["containerPort"]]
    labels = named("Deployment", "fishermask-web")["spec"]["template"]["metadata"]["labels"]
    for selector in (service["spec"]["selector"], policy["spec"]["podSelector"]["matchLabels"]):
        assert selector.items() <= labels.items()
    url = named("ConfigMap")["data"]["BACKEND_URL"]
    kept = named("Namespace")["metadata"]["name"]
    host = f"{service['metadata']['name']}.{kept}.svc"
    assert url == f"http://{host}:{service['spec']['ports'][0]['port']}"
