"""Whose something is: customers see what is their own, operators see everybody's. Pure.

A customer is who a JWT calls its subject, or an owner that a token is restricted to; whoever is
restricted to nobody is an operator::

    is_of(Identity("jwt", scopes, owners, subject="u1"), "u1")   -> True
    is_of(Identity("ops", scopes), "u1")                         -> True, as of everybody
    asking_for(Identity("jwt", ..., subject="u1"), "u2")         -> ForbiddenError

What is another's is not there, in the same words as what nobody has.
"""

from __future__ import annotations

from psd.access.identity import Identity
from psd.errors import ForbiddenError, InputError, MissingIdError, NotFoundError
from psd.users import user_of


def is_operator(identity: Identity) -> bool:
    """Whether somebody may see everybody's."""
    return identity.owners is None


def is_of(identity: Identity, customer: str) -> bool:
    """Whether somebody is this customer, or may see everybody."""
    if is_operator(identity):
        return identity.may("read")
    if identity.subject == customer or customer in identity.names:
        return True
    try:
        return identity.sees(user_of(customer))
    except InputError:
        return False


def visible(identity: Identity, customer: str) -> str:
    """The customer, for whoever may see it; raises NotFoundError for everybody else."""
    if not is_of(identity, customer):
        raise NotFoundError(f"customer: {customer} has no account")
    return customer


def asking_for(identity: Identity, customer: str, field: str = "user_id") -> str:
    """The customer that somebody asks for, itself where none is named.

    Raises ForbiddenError for another one, MissingIdError where it is nobody's own token.
    """
    named = customer or identity.owner or ""
    if not named:
        raise MissingIdError(f"{field}: missing; it is needed with a token of several customers")
    if not is_operator(identity) and not is_of(identity, named):
        raise ForbiddenError(f"{field}: this token may not ask for {named}")
    return named
