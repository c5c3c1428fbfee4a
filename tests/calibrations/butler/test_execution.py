import dataclasses

import pytest

from calibrations.butler.errors import (
    EmptyGraphError,
    MissingCollectionError,
    QuantaFailedError,
    RunChangedError,
)
from taxicab.errors import InputError, TaxicabError
from tests.support.gateway import DEFAULT, GENERATED, INSTRUMENT, RAWS


def find(site, name, **data_id):
    (found,) = [
        d
        for d in site.gateway().list_datasets([GENERATED], [name])
        if data_id.items() <= d.data_id.items()
    ]
    return found


def states(events):
    return [e["state"] for e in events if e["event"] == "quantum"]


def test_a_run_tells_what_it_does_and_what_it_left(raw_site):
    outcome = raw_site.gateway().run_pipeline(raw_site.request())
    assert (outcome.quanta, outcome.executed, outcome.skipped) == (3, 3, 0)
    assert outcome.datasets["bias"] == 2
    assert outcome.datasets["tinyCount"] == 1
    assert len(outcome.input_exposures) == 3
    assert states(raw_site.events) == ["planned"] * 3 + ["done"] * 3
    (graph,) = [e for e in raw_site.events if e["event"] == "graph"]
    assert graph["by_task"] == {"tinyAverage": 2, "tinyCount": 1}
    ((command,),) = [e["lines"] for e in raw_site.events if e["event"] == "commands"]
    assert command.startswith(f"pipetask run -b {raw_site.repository}")
    assert "tinyAverage:creationTime=2026-11-23T16:00:00" in command


def test_a_second_run_of_the_same_request_changes_nothing(raw_site):
    raw_site.gateway().run_pipeline(raw_site.request())
    before = raw_site.files()
    outcome = raw_site.gateway().run_pipeline(raw_site.request())
    assert (outcome.resumed, outcome.executed, outcome.skipped) == (True, 0, 3)
    assert raw_site.files() == before


@pytest.mark.parametrize("processes", [1, 2])
def test_a_failed_quantum_ends_the_run_with_a_sentence(raw_site, processes):
    request = raw_site.request(
        overrides={"tinyAverage:failing": [1]}, processes=processes
    )
    with pytest.raises(QuantaFailedError) as failure:
        raw_site.gateway().run_pipeline(request)
    assert "tinyAverage of detector 1: ValueError: Detector 1 was told to fail" in str(
        failure.value
    )
    failures = failure.value.details["failures"]
    assert "runQuantum" in failures[0]["traceback"]
    assert "tinyCount" in [f["task"] for f in failures]
    assert failure.value.details["outcome"]["datasets"]["bias"] == 1
    assert sorted(states(raw_site.events))[:2] == ["blocked", "done"]


def test_success_is_judged_by_the_datasets(raw_site):
    # The task ends without complaint, and without writing.
    request = raw_site.request(overrides={"tinyAverage:silent": [0]})
    with pytest.raises(QuantaFailedError, match="detector 0: did not write bias"):
        raw_site.gateway().run_pipeline(request)


def test_two_processes_make_what_one_makes(raw_site, tmp_path):
    raw_site.gateway().run_pipeline(raw_site.request())
    one = raw_site.products(GENERATED)
    work = raw_site.folder / "work"
    (raw_site.folder / "other").mkdir()
    other = raw_site.request(f"{GENERATED[:-1]}b", processes=2)
    raw_site.gateway().run_pipeline(other)
    assert work.is_dir()
    assert one.keys() == raw_site.products(other.run).keys()


def test_a_damaged_file_is_made_again_under_its_uuid(raw_site):
    raw_site.gateway().run_pipeline(raw_site.request())
    before = raw_site.products(GENERATED)
    lost = raw_site.repository / find(raw_site, "bias", detector=0).path
    cut = raw_site.repository / find(raw_site, "bias", detector=1).path
    lost.unlink()
    cut.write_bytes(cut.read_bytes()[:-100])
    outcome = raw_site.gateway().run_pipeline(raw_site.request())
    assert (outcome.executed, outcome.skipped) == (2, 1)
    assert raw_site.products(GENERATED) == before
    told = [e["message"] for e in raw_site.events if e["event"] == "message"]
    assert any("its file is not whole" in message for message in told)


def test_a_changed_request_is_refused(raw_site):
    raw_site.gateway().run_pipeline(raw_site.request())
    changed = raw_site.request(overrides={"tinyAverage:sleepS": 0.01})
    with pytest.raises(RunChangedError, match="begun with other pipeline"):
        raw_site.gateway().run_pipeline(changed)
    without_graph = dataclasses.replace(
        raw_site.request(), work_folder=str(raw_site.folder / "elsewhere")
    )
    with pytest.raises(RunChangedError, match="does not keep the graph"):
        raw_site.gateway().run_pipeline(without_graph)


def test_another_date_does_not_change_a_resumed_run(raw_site):
    raw_site.gateway().run_pipeline(raw_site.request())
    later = raw_site.request(creation_time="2027-01-01T00:00:00")
    assert raw_site.gateway().run_pipeline(later).executed == 0


def test_an_empty_graph_says_what_exists(raw_site):
    nothing = f"instrument='{INSTRUMENT}' AND exposure.day_obs=20200101"
    with pytest.raises(EmptyGraphError) as failure:
        raw_site.gateway().run_pipeline(raw_site.request(where=nothing))
    sentence = str(failure.value)
    assert "exposure.day_obs=20200101" in sentence
    assert "0 exposures of LSSTComCam match" in sentence
    assert f"searched were {RAWS}, {DEFAULT}" in sentence
    assert "Check the days" in sentence


def test_a_missing_input_collection_is_named_with_the_nearest(raw_site):
    request = raw_site.request(inputs=["LSSTComCam/raw/al", DEFAULT])
    with pytest.raises(MissingCollectionError, match=f"nearest: {RAWS}"):
        raw_site.gateway().run_pipeline(request)


def test_a_bad_expression_and_a_bad_override_are_refused(raw_site):
    with pytest.raises(InputError, match="cannot read the expression"):
        raw_site.gateway().run_pipeline(raw_site.request(where="exposure.nothing = 1"))
    with pytest.raises(InputError, match="it has tinyAverage, tinyCount"):
        raw_site.gateway().run_pipeline(raw_site.request(overrides={"other:x": 1}))


def test_a_repository_names_its_own_instrument(raw_site):
    other = "calibrations.butler.instruments.Nothing"
    with pytest.raises(TaxicabError, match="Nothing"):
        raw_site.gateway(instrument_class=other).run_pipeline(raw_site.request())
    commands = [e["lines"] for e in raw_site.events if e["event"] == "commands"]
    assert commands == []
    own = "calibrations.butler.instruments.LsstComCam"
    raw_site.gateway(instrument_class=own).run_pipeline(raw_site.request())
    (lines,) = [e["lines"] for e in raw_site.events if e["event"] == "commands"]
    assert f"--instrument {own}" in lines[0]
