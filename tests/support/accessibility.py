"""What axe-core says of a page in a browser."""

from axe_playwright_python.sync_playwright import Axe

GRAVE = ("serious", "critical")


def serious_problems(page):
    """Name every serious fault with the elements that have it; empty is good."""
    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {one['help']}: {node['html'][:160]}"
        for one in found
        if one["impact"] in GRAVE
        for node in one["nodes"]
    ]
