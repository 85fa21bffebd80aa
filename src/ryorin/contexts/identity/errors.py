"""Errors of the identity context."""

from __future__ import annotations

from ryorin.kernel.errors import NotFound


class KeyNotFound(NotFound):
    """No such API key in this organisation."""

    code = "key_not_found"


class RoleNotFound(NotFound):
    """Nobody of that name has a role there."""

    code = "role_not_found"


class OrganisationNotFound(NotFound):
    """No such organisation."""

    code = "organisation_not_found"
