"""Tokens of an issuer: taken when all of them fits, refused whatever else somebody sends."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given, settings
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from ryorin.adapters.oidc.keys import IssuerKeys
from ryorin.adapters.oidc.verifier import OidcVerifier, TokenRules
from ryorin.contexts.identity.roles import Role
from ryorin.kernel.errors import RyorinError, Unauthenticated, Unavailable

ISSUER = "https://issuer.example"
RSA, EC, FOREIGN = (
    rsa.generate_private_key(65537, 2048),
    ec.generate_private_key(ec.SECP256R1()),
    rsa.generate_private_key(65537, 2048),
)
JWKS = {
    "keys": [
        {**json.loads(RSAAlgorithm.to_jwk(RSA.public_key())), "kid": "r", "alg": "RS256"},
        {**json.loads(ECAlgorithm.to_jwk(EC.public_key())), "kid": "e", "alg": "ES256"},
    ]
}
PUBLIC = RSA.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def claims(**more: Any) -> dict[str, Any]:
    now = int(time.time())
    said = {"iss": ISSUER, "sub": "alice", "aud": "ryorin", "org_id": "acme", "iat": now, "exp": now + 60, **more}
    return {name: value for name, value in said.items() if value is not None}


def token(key: Any = RSA, algorithm: str = "RS256", kid: str | None = "r", **more: Any) -> str:
    return jwt.encode(claims(**more), key, algorithm, {} if kid is None else {"kid": kid})


def verifier(path: Path, **rules: Any) -> OidcVerifier:
    jwks = path / "jwks.json"
    jwks.write_text(json.dumps(JWKS))
    told = TokenRules(**{"issuer": ISSUER, "audience": "ryorin", "roles": {"boss": Role.ADMIN}, **rules})
    return OidcVerifier(told, IssuerKeys(ISSUER, str(jwks), httpx.AsyncClient()))


async def test_a_token_tells_who_somebody_is(tmp_path: Path) -> None:
    checked = verifier(tmp_path)

    told = await checked.verify(token(roles=["boss", "unknown"], groups=["sales", 3, "x\x00"]))

    assert (told.org_id, told.user, told.groups, told.roles) == ("acme", "alice", ("sales",), (Role.ADMIN,))
    assert (await checked.verify(token(EC, "ES256", "e"))).user == "alice"


def unsigned(algorithm: str) -> str:
    parts = [{"alg": algorithm, "typ": "JWT", "kid": "r"}, claims()]
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts) + "."


def with_public_key_as_secret() -> str:
    """The classic confusion of algorithms (CVE-2015-9235); the library refuses to make one, so this is by hand."""
    import hashlib
    import hmac

    head = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "kid": "r"}).encode()).rstrip(b"=")
    body = base64.urlsafe_b64encode(json.dumps(claims()).encode()).rstrip(b"=")
    mac = base64.urlsafe_b64encode(hmac.new(PUBLIC, head + b"." + body, hashlib.sha256).digest()).rstrip(b"=")
    return b".".join((head, body, mac)).decode()


PAST = int(time.time()) - 3600
WRONG = {
    "alg none": lambda: unsigned("none"),
    "alg None": lambda: unsigned("None"),
    "public key as secret": with_public_key_as_secret,
    "wrong key": lambda: token(FOREIGN),
    "wrong key, other id": lambda: token(FOREIGN, kid="e"),
    "unknown key": lambda: token(kid="x"),
    "no key id": lambda: token(kid=None),
    "algorithm not the key's": lambda: token(algorithm="RS512"),
    "wrong audience": lambda: token(aud="other"),
    "no audience": lambda: token(aud=None),
    "wrong issuer": lambda: token(iss="https://evil.example"),
    "no issuer": lambda: token(iss=None),
    "expired": lambda: token(exp=PAST),
    "no expiry": lambda: token(exp=None),
    "not yet": lambda: token(nbf=int(time.time()) + 3600),
    "made in the future": lambda: token(iat=int(time.time()) + 3600),
    "no organisation": lambda: token(org_id=None),
    "organisation that is no name": lambda: token(org_id={"a": 1}),
    "no user": lambda: token(sub=None),
    "cut": lambda: token()[:-8],
    "two signatures": lambda: token() + ".x",
    "too long": lambda: token(x="x" * 20_000),
}


@pytest.mark.parametrize("name", WRONG)
async def test_a_token_that_does_not_fit_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(Unauthenticated):
        await verifier(tmp_path).verify(WRONG[name]())


async def test_a_token_whose_claims_were_changed_is_refused(tmp_path: Path) -> None:
    head, _, signature = token().split(".")
    other = base64.urlsafe_b64encode(json.dumps(claims(org_id="other")).encode()).rstrip(b"=").decode()

    with pytest.raises(Unauthenticated):
        await verifier(tmp_path).verify(f"{head}.{other}.{signature}")


@settings(max_examples=60)
@given(data=st.data())
async def test_no_bytes_are_a_token_by_accident(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    checked, right = verifier(tmp_path_factory.getbasetemp()), token()
    at = data.draw(st.integers(0, len(right) - 1))
    cut = data.draw(st.one_of(st.text(max_size=40), st.just(right)))
    wrong = data.draw(st.one_of(st.just(cut + ".."), st.just(right[:at] + cut + right[at + 1 :])))

    try:
        told = await checked.verify(wrong)
    except RyorinError as error:
        assert isinstance(error, Unauthenticated)
    else:
        # base64 ignores some last bits: what it says is the same
        assert told.user == "alice"


async def test_a_page_of_elsewhere_is_refused_by_its_azp(tmp_path: Path) -> None:
    checked = verifier(tmp_path, authorized_parties=("https://app.example",))

    assert (await checked.verify(token(azp="https://app.example"))).user == "alice"
    for azp in ("https://evil.example", None):
        with pytest.raises(Unauthenticated, match="azp"):
            await checked.verify(token(azp=azp))


async def test_names_of_claims_may_be_paths_or_have_dots(tmp_path: Path) -> None:
    checked = verifier(
        tmp_path,
        organisation_claims=("o.id", "org_id"),
        role_claims=("https://x.example/roles",),
        groups_claims=("a.b.c",),
    )

    told = await checked.verify(
        token(o={"id": "nested"}, a={"b": {"c": "one two"}}, **{"https://x.example/roles": ["boss"]})
    )

    assert (told.org_id, told.groups, told.roles) == ("nested", ("one", "two"), (Role.ADMIN,))


class Endpoint:
    """An issuer's web server."""

    def __init__(self) -> None:
        self.keys: dict[str, Any] | None = JWKS
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path)
        if self.keys is None:
            return httpx.Response(503)
        if request.url.path == "/.well-known/openid-configuration":
            return httpx.Response(200, json={"jwks_uri": f"{ISSUER}/keys"})
        return httpx.Response(200, json=self.keys)


async def test_keys_are_discovered_once_and_again_for_one_that_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = Endpoint()
    endpoint.keys = {"keys": JWKS["keys"][:1]}
    client = httpx.AsyncClient(transport=httpx.MockTransport(endpoint))
    checked = OidcVerifier(TokenRules(ISSUER, "ryorin"), IssuerKeys(ISSUER, None, client))

    await checked.verify(token())
    await checked.verify(token())
    assert endpoint.asked == ["/.well-known/openid-configuration", "/keys"]

    endpoint.keys = JWKS
    for _ in range(5):
        # whoever sends unknown keys does not make us ask each time
        with pytest.raises(Unauthenticated):
            await checked.verify(token(EC, "ES256", "e"))
    assert len(endpoint.asked) == 2
    monkeypatch.setattr("ryorin.adapters.oidc.keys.LOOK_SECONDS", 0.0)
    assert (await checked.verify(token(EC, "ES256", "e"))).user == "alice"


async def test_known_keys_outlive_an_issuer_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = Endpoint()
    client = httpx.AsyncClient(transport=httpx.MockTransport(endpoint))
    checked = OidcVerifier(TokenRules(ISSUER, "ryorin"), IssuerKeys(ISSUER, f"{ISSUER}/keys", client))
    await checked.verify(token())
    endpoint.keys = None
    monkeypatch.setattr("ryorin.adapters.oidc.keys.FRESH_SECONDS", 0.0)
    monkeypatch.setattr("ryorin.adapters.oidc.keys.LOOK_SECONDS", 0.0)

    assert (await checked.verify(token())).user == "alice"
    assert len(endpoint.asked) == 2


async def test_without_keys_nobody_is_refused_for_good() -> None:
    endpoint = Endpoint()
    endpoint.keys = None
    client = httpx.AsyncClient(transport=httpx.MockTransport(endpoint))

    with pytest.raises(Unavailable, match="keys of the issuer"):
        await OidcVerifier(TokenRules(ISSUER, "ryorin"), IssuerKeys(ISSUER, None, client)).verify(token())
