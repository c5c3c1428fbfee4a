"""Make the key that signs decision records, once, and sign what waits for it."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from taxicab.board.services.records import sign_records
from taxicab.core.services.keys import make_key, public_key_pem
from taxicab.errors import TaxicabError


class Command(BaseCommand):
    """Prints the public key; a key that is there is kept."""

    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        """Make the key and sign."""
        try:
            is_new = make_key()
            pem = public_key_pem().decode("ascii")
            signed = sign_records()
        except (TaxicabError, OSError) as error:
            raise CommandError(str(error)) from error
        word = "Made" if is_new else "Kept"
        self.stderr.write(f"{word} {settings.SIGNING_KEY_FILE}; signed {signed}.")
        self.stdout.write(pem, ending="")
