"""Configurations are read as text, and compared field by field."""

import pytest

from calibrations.butler.records import DatasetInfo
from reports.services.configs import compare, read_configs, read_packages
from taxicab.errors import MiddlewareError


def make_info(folder, type_, text):
    path = folder / type_
    path.write_text(text)
    return DatasetInfo(type_, {}, "u/nora/bias", "", str(path))


def test_every_field_is_read_and_nothing_is_run(tmp_path):
    text = """import no.such.module
assert type(config) is no.such.module.Config, 'not run'
# Clip beyond this.
config.nSigma=4.0
config.connections.outputData='bias'
config.names=['a',
    'b']
raise SystemExit("not run")
"""
    infos = [make_info(tmp_path, "cpBiasCombine_config", text)]
    assert read_configs(infos) == {
        "cpBiasCombine": {
            "nSigma": "4.0",
            "connections.outputData": "'bias'",
            "names": "['a', 'b']",
        }
    }


def test_versions_are_read_without_their_class(tmp_path):
    # Of a class that nobody here has imported, as `manage.py report` finds it.
    text = "!<lsst.utils.unknown.Packages>\nnumpy: 1.26.4\npython: 3.11.7\n"
    infos = [make_info(tmp_path, "packages", text)]
    assert read_packages(infos) == {"numpy": "1.26.4", "python": "3.11.7"}


def test_what_differs_is_told_field_by_field():
    now = {"isr": {"doBias": "True", "sigma": "3.0"}, "new": {"x": "1"}}
    before = {"isr": {"doBias": "True", "sigma": "4.0", "old": "2"}}
    # When a run was made differs every time, and was no choice.
    now["isr"]["creationTime"], before["isr"]["creationTime"] = "'08:00'", "'09:00'"
    told = [(d.task, d.field, d.value, d.before) for d in compare(now, before)]
    assert told == [
        ("isr", "old", "", "2"),
        ("isr", "sigma", "3.0", "4.0"),
        ("new", "x", "1", ""),
    ]
    assert compare(now, now) == []


@pytest.mark.parametrize(
    ("type_", "text", "read"),
    [
        ("isr_config", "config.sigma=", read_configs),
        ("packages", "a: [", read_packages),
    ],
)
def test_a_damaged_file_is_named(tmp_path, type_, text, read):
    with pytest.raises(MiddlewareError, match=f"{type_} cannot be read"):
        read([make_info(tmp_path, type_, text)])
