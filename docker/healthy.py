"""Health of the web container: exit code 0 if the portal answers on its port."""

import http.client
import os
import sys

TIMEOUT_S = 5


def main() -> int:
    """Ask for the log-in page as the proxy in front would."""
    port = int(os.environ.get("TAXICAB_BIND", "0.0.0.0:8000").rpartition(":")[2])
    host = os.environ["TAXICAB_ALLOWED_HOSTS"].split(",")[0].strip()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    headers = {"Host": host, "X-Forwarded-Proto": "https"}
    connection.request("GET", "/login/", headers=headers)
    return 0 if connection.getresponse().status == http.client.OK else 1


if __name__ == "__main__":
    sys.exit(main())
