"""What a report says of how a set was made, beside the set that was adopted last."""

import pytest

from calibrations.butler.errors import MissingCollectionError
from calibrations.butler.records import DatasetInfo, RawHeader
from calibrations.models import ConstructionStage, ConstructionTicket
from reports.domain.stages import plan_stages
from reports.services.record import build_record
from tests.support import board as make

TEXT = "config.nSigma={}\nconfig.maxIter=3\n"


class PaperGateway:
    """As much of a repository as the record asks: configurations of runs."""

    def __init__(self, folder, configs):
        self.runs = {}
        for number, (run, text) in enumerate(configs.items()):
            path = folder / f"config-{number}.py"
            path.write_text(text)
            info = DatasetInfo("cpBiasCombine_config", {}, run, "", str(path))
            self.runs[run] = [info]

    def collections(self, patterns):
        return []

    def read_headers(self, exposures):
        return [RawHeader(e, missing="No raw is on paper.") for e in exposures]

    def list_datasets(self, runs, types):
        if missing := [run for run in runs if run not in self.runs]:
            raise MissingCollectionError(f"Collection {missing[0]} does not exist.")
        return [info for run in runs for info in self.runs[run]]


@pytest.fixture
def sets(facilities, scientist, instrument):
    """An adopted set and a new one, of the same type."""
    adopted = make.make_set("DM-100", owner=scientist, instrument=instrument)
    ConstructionTicket.objects.filter(pk=adopted.pk).update(
        stage=ConstructionStage.REVIEWED
    )
    return adopted, make.make_set("DM-200", owner=scientist, instrument=instrument)


def run_of(ticket):
    return ticket.generations.get().collection


def record_of(ticket, gateway):
    return build_record(ticket, plan_stages([run_of(ticket)], []), gateway)


def test_what_differs_from_the_adopted_set_is_said(sets, tmp_path):
    adopted, new = sets
    adopted.generations.update(versions={"numpy": "1.26.4", "scipy": "1.16.0"})
    new.generations.update(versions={"numpy": "2.3.1", "scipy": "1.16.0"})
    configs = {run_of(new): TEXT.format("4.0"), run_of(adopted): TEXT.format("3.0")}
    found = record_of(new, PaperGateway(tmp_path, configs))
    against = found.against["bias"]
    assert (against.collection, against.ticket) == (run_of(adopted), "DM-100")
    assert against.differences == [
        {"task": "cpBiasCombine", "field": "nSigma", "value": "4.0", "before": "3.0"},
        {
            "task": "software versions",
            "field": "numpy",
            "value": "2.3.1",
            "before": "1.26.4",
        },
    ]
    # It is no evidence of the part: another adoption leaves the part as it is.
    (configuration,) = found.part("bias").configuration
    assert configuration["tasks"]["cpBiasCombine"]["nSigma"] == "4.0"
    assert run_of(adopted) not in str(found.part("bias"))


def test_a_run_that_was_removed_is_compared_by_what_it_was_told(sets, tmp_path):
    adopted, new = sets
    adopted.generations.update(configuration={"cpBiasCombine:nSigma": 3.0})
    gateway = PaperGateway(tmp_path, {run_of(new): TEXT.format("4.0")})
    differences = record_of(new, gateway).against["bias"].differences
    assert [(d["field"], d["value"], d["before"]) for d in differences] == [
        ("cpBiasCombine:nSigma", "", "3.0")
    ]


def test_the_first_set_has_nothing_to_compare_with(sets, tmp_path):
    adopted, _ = sets
    gateway = PaperGateway(tmp_path, {run_of(adopted): TEXT.format("4.0")})
    against = record_of(adopted, gateway).against["bias"]
    assert (against.collection, against.differences) == ("", [])
