"""Roles, in one table: what each may do. Plain Python.

A role is granted for one instrument or for all of them. Deciding on a ticket of
one's own is refused by the board's rules, whatever the role.
"""

from enum import StrEnum

__all__ = ["PERMISSIONS", "Action", "Role", "roles_that_may"]


class Role(StrEnum):
    """What a person is, for an instrument."""

    OBSERVER = "observer"
    CALIBRATION_TEAM = "calibration_team"
    BOARD = "board"
    DEPLOYER = "deployer"
    ADMINISTRATOR = "administrator"

    @property
    def label(self) -> str:
        """The role as people read it."""
        return self.value.replace("_", " ").capitalize()


class Action(StrEnum):
    """What can be done; every service asks for one of these."""

    READ = "read"
    BUILD = "build"
    VERIFY = "verify"
    CERTIFY = "certify"
    HAIL = "hail"
    TAKE_POSITION = "take_position"
    DECIDE = "decide"
    WAIVE = "waive"
    DEPLOY = "deploy"
    SKIP_REPOSITORY = "skip_repository"
    MANAGE = "manage"


_TEAM = {Action.READ, Action.BUILD, Action.VERIFY, Action.CERTIFY, Action.HAIL}

PERMISSIONS: dict[Role, frozenset[Action]] = {
    Role.OBSERVER: frozenset({Action.READ}),
    Role.CALIBRATION_TEAM: frozenset(_TEAM),
    Role.BOARD: frozenset(
        {Action.READ, Action.TAKE_POSITION, Action.DECIDE, Action.WAIVE}
    ),
    Role.DEPLOYER: frozenset({Action.READ, Action.DEPLOY, Action.SKIP_REPOSITORY}),
    # Manages people, repositories and how many must adopt; takes no part in a
    # ticket's life. Limits of the tests are versioned with the code.
    Role.ADMINISTRATOR: frozenset({Action.READ, Action.MANAGE}),
}


def roles_that_may(action: Action) -> list[Role]:
    """List the roles that may take an action, in the table's order."""
    return [role for role, actions in PERMISSIONS.items() if action in actions]
