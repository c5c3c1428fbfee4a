"""REST clients, for tests."""

from rest_framework.test import APIClient


class SecureClient(APIClient):
    """Speaks HTTPS: the portal sends everything else there."""

    def generic(self, *args, **options):
        return super().generic(*args, **options | {"secure": True})


def client_of(person=None):
    client = SecureClient()
    client.force_authenticate(person)
    return client
