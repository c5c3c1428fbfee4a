"""The plan and the states of a deployment, as tables."""

import pytest

from distribution.domain import (
    DeploymentStage as Stage,
)
from distribution.domain import (
    DeploymentStepStatus as Step,
)
from distribution.domain import (
    StepKind,
    TargetRepository,
    find_next_step,
    find_stage,
    find_target_status,
    plan_deployment,
)
from distribution.domain import (
    TargetStatus as Target,
)


def make_repository(pk, **changes):
    facts = {
        "is_build": False,
        "is_cleaned": False,
        "is_connected": True,
        "holds_instrument": True,
    }
    return TargetRepository(pk=pk, **(facts | changes))


@pytest.mark.parametrize(
    ("changes", "steps"),
    [
        ({"is_build": True}, "prepend self_review"),
        ({}, "export transfer import prepend self_review"),
        ({"is_cleaned": True}, "export transfer import prepend tag self_review"),
        ({"is_build": True, "is_cleaned": True}, "prepend tag self_review"),
    ],
)
def test_steps_of_a_repository(changes, steps):
    (planned,) = plan_deployment([make_repository(1, **changes)])
    assert planned.steps == tuple(StepKind(step) for step in steps.split())


@pytest.mark.parametrize("missing", ["is_connected", "holds_instrument"])
def test_no_target_without_a_connection_or_the_camera(missing):
    assert plan_deployment([make_repository(1, **{missing: False})]) == []


def test_origin_comes_first():
    plan = plan_deployment(
        [make_repository(1), make_repository(2), make_repository(3, is_build=True)]
    )
    assert [(p.pk, p.is_origin) for p in plan] == [(3, True), (1, False), (2, False)]


def test_only_what_leaves_runs_at_the_origin():
    assert {kind for kind in StepKind if kind.runs_at_origin} == {
        StepKind.EXPORT,
        StepKind.TRANSFER,
    }


@pytest.mark.parametrize(
    ("statuses", "place"),
    [
        ("planned planned", 0),
        ("succeeded planned", 1),
        ("succeeded failed planned", 1),
        ("succeeded waiting", 1),
        ("succeeded succeeded", None),
        ("queued planned", None),
        ("succeeded running planned", None),
        ("failed running", None),
    ],
)
def test_next_step(statuses, place):
    assert find_next_step([Step(s) for s in statuses.split()]) == place


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ("planned planned", "planned"),
        ("queued planned", "running"),
        ("succeeded running planned", "running"),
        ("failed running", "running"),
        ("succeeded failed planned", "failed"),
        ("succeeded planned planned", "planned"),
        ("succeeded waiting", "waiting"),
        ("succeeded succeeded", "deployed"),
    ],
)
def test_target_status(statuses, expected):
    assert find_target_status([Step(s) for s in statuses.split()]) == expected


@pytest.mark.parametrize(
    ("stage", "targets", "expected"),
    [
        ("filed", "planned", "filed"),
        ("withdrawn", "deployed", "withdrawn"),
        ("deploying", "deployed running", "deploying"),
        ("deploying", "deployed deployed", "deployed"),
        ("deploying", "deployed skipped", "deployed"),
        ("deploying", "skipped", "deploying"),
        ("deploying", "deployed waiting", "deploying"),
        ("deployed", "deployed running", "deployed"),
        ("deployed", "deployed failed", "deploying"),
        ("deployed", "deployed planned", "deploying"),
    ],
)
def test_stage(stage, targets, expected):
    assert find_stage(Stage(stage), [Target(t) for t in targets.split()]) == expected
