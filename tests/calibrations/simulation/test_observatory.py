import hashlib

from calibrations.simulation.observatory import simulate_observatory
from tests.support.observatory import small_plan


def digests(observatory):
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for paths in observatory.nights.values()
        for path in paths
    }


def test_the_same_plan_gives_the_same_bytes_whatever_the_threads(tmp_path):
    plan = small_plan(detectors=(0,), frames=(2, 1))
    one = simulate_observatory(tmp_path / "one", plan, threads=1)
    two = simulate_observatory(tmp_path / "two", plan, threads=4)

    assert len(digests(one)) == 9
    assert digests(one) == digests(two)
    other = simulate_observatory(
        tmp_path / "other", small_plan(detectors=(0,), frames=(2, 1), seed=2)
    )
    assert not set(digests(one).values()) & set(digests(other).values())


def test_a_finished_simulation_is_left_alone_and_a_broken_one_done_again(tmp_path):
    plan = small_plan(detectors=(0,), frames=(1, 1), kinds=("bias",))
    seen = []
    first = simulate_observatory(
        tmp_path, plan, on_progress=lambda done, total: seen.append((done, total))
    )
    assert seen == [(1, 2), (2, 2)]

    seen.clear()
    simulate_observatory(tmp_path, plan, on_progress=lambda *_: seen.append(1))
    assert not seen

    # The record is written last: without it, the files are not trusted.
    before = digests(first)
    (first.truth / "plan.json").unlink()
    first.nights[20261109][0].write_bytes(b"half a file")
    assert digests(simulate_observatory(tmp_path, plan)) == before
