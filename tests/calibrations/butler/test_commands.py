"""The command lines that are kept for the record do what they say."""

import shlex

import pytest
from lsst.ctrl.mpexec.cli import pipetask
from lsst.daf.butler.cli import butler
from lsst.daf.butler.cli.utils import LogCliRunner

from calibrations.butler.commands import command_lines
from tests.support.gateway import (
    BEGIN,
    CERTIFIED,
    DEFAULT,
    FIRST_NIGHT_BIASES,
    GENERATED,
    TICKET,
)

COMMANDS = {"butler": butler.cli, "pipetask": pipetask.cli}


def run(line):
    """Run a line through the command's own parser, without starting Python anew."""
    command, *words = shlex.split(line)
    done = LogCliRunner().invoke(COMMANDS[command], words)
    assert done.exit_code == 0, done.output[-2000:]
    return done.output


def line(site, operation, **arguments):
    (only,) = command_lines(site.settings, operation, arguments)
    return only


def test_a_set_is_built_and_deployed_by_command_line(raw_site, target, tmp_path):
    export = tmp_path / "export"
    chain = {"chain": TICKET, "children": [CERTIFIED]}
    certify = {"run": GENERATED, "dataset_type": "bias", "collection": CERTIFIED}
    # The pipeline's line is the one that a real run tells.
    other = raw_site.copied_to(tmp_path / "other")
    other.gateway().run_pipeline(other.request(pipeline="bias"))
    (told,) = [e["lines"] for e in other.events if e["event"] == "commands"]
    pipeline = told[0].replace(str(other.folder), str(raw_site.folder))

    selected = run(line(raw_site, "select_exposures", where=FIRST_NIGHT_BIASES))
    assert selected.count("CC_O_") == 3
    run(pipeline)
    run(line(raw_site, "certify_calibration", **certify, begin_tai=BEGIN))
    run(line(raw_site, "define_chain", **chain))
    run(line(raw_site, "prepend_chain", chain=DEFAULT, child=TICKET))
    run(line(raw_site, "export_collection", chain=TICKET, folder=str(export)))
    run(line(target, "import_collection", folder=str(export)))
    run(line(target, "tag_collection", chain=TICKET, tagged="LSSTComCam/tagged"))

    gateway = target.gateway()
    assert gateway.validity(TICKET) == raw_site.gateway().validity(TICKET)
    assert len(gateway.validity(TICKET)) == 2
    assert gateway.collections("LSSTComCam/tagged")[0].n_datasets == 2
    assert raw_site.gateway().collections(DEFAULT)[0].children == [TICKET]
    # What the command line did, the gateway finds done.
    summary = gateway.import_collection(str(export))
    assert (summary.imported, summary.present, summary.repaired) == (0, 2, 0)

    run(line(raw_site, "remove_from_chain", chain=DEFAULT, child=TICKET))
    assert raw_site.gateway().collections(DEFAULT)[0].children == []


@pytest.mark.parametrize(
    ("operation", "arguments", "expected"),
    [
        (
            "certify_calibration",
            {
                "run": "r",
                "dataset_type": "bias",
                "collection": "c",
                "begin_tai": "2022-06-01",
                "end_tai": "2022-09-15",
            },
            "butler certify-calibrations /repo r c bias "
            "--begin-date 2022-06-01 --end-date 2022-09-15",
        ),
        ("remove_run", {"run": "r"}, "butler remove-runs /repo r --no-confirm"),
        (
            "import_collection",
            {"folder": "/out/a b"},
            "butler import /repo '/out/a b' --transfer copy "
            "--export-file '/out/a b/export.yaml' "
            "-s instrument -s detector -s physical_filter",
        ),
    ],
)
def test_lines_are_spelled_for_a_shell(raw_template, operation, arguments, expected):
    found = line(raw_template, operation, **arguments)
    assert found.replace(str(raw_template.repository), "/repo") == expected


def test_reading_needs_no_line(raw_template):
    assert command_lines(raw_template.settings, "versions", {}) == []
