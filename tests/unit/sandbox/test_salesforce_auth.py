"""How to get in: each grant, the SOAP login, and what every wrong credential is answered."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from connector.sandbox.clock import Clock
from connector.sandbox.salesforce import SalesforceEmulator
from tests.unit.sandbox.salesforce_client import Caller, Reply

FORM = "application/x-www-form-urlencoded"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ENVELOPE = (
    '<se:Envelope xmlns:se="http://schemas.xmlsoap.org/soap/envelope/"><se:Header/><se:Body>'
    '<login xmlns="urn:partner.soap.sforce.com"><username>{}</username><password>{}</password></login>'
    "</se:Body></se:Envelope>"
)


@pytest.fixture
def org() -> SalesforceEmulator:
    return SalesforceEmulator(
        clock=Clock(datetime(2026, 11, 22, 1, tzinfo=UTC), ticking=False),
        client_id="CK",
        client_secret="CS",
        username="u@example.com",
        password="p&w",
        security_token="TOK",
        refresh_token="RT",
    )


def token(org: SalesforceEmulator, form: Mapping[str, Any], **headers: str) -> Reply:
    data = urlencode(form).encode()
    return Caller(org)("POST", "/services/oauth2/token", data=data, mimetype=FORM, headers=headers)


CLIENT = {"client_id": "CK", "client_secret": "CS"}
PASSWORD = {"grant_type": "password", **CLIENT, "username": "u@example.com", "password": "p&wTOK"}


@pytest.mark.parametrize(
    "form",
    [
        {"grant_type": "client_credentials", **CLIENT},
        PASSWORD,
        {"grant_type": "refresh_token", "refresh_token": "RT", "client_id": "CK"},
        {"grant_type": "refresh_token", "refresh_token": "RT", **CLIENT},
    ],
)
def test_grants(org: SalesforceEmulator, form: dict[str, str]) -> None:
    body = token(org, form).json
    assert body["instance_url"] == "http://127.0.0.1:1"
    assert body["id"] == f"http://127.0.0.1:1/id/{org.org_id}/{org.user_id}"
    assert body["token_type"] == "Bearer"
    assert body["issued_at"] == "1795309200000"
    caller = Caller(org)
    caller.token = body["access_token"]
    assert caller("GET", "limits").status == 200
    assert (org.logins, org.calls) == (1, 1)


def test_the_client_may_be_named_in_a_header(org: SalesforceEmulator) -> None:
    basic = base64.b64encode(b"CK:CS").decode()
    assert token(org, {"grant_type": "client_credentials"}, Authorization=f"Basic {basic}").status == 200
    broken = token(org, {"grant_type": "client_credentials"}, Authorization="Basic ***")
    assert broken.json["error"] == "invalid_client"


@pytest.mark.parametrize(
    ("form", "error", "description"),
    [
        ({"grant_type": "client_credentials"}, "invalid_client_id", "client identifier invalid"),
        (
            {"grant_type": "client_credentials", **CLIENT, "client_secret": "x"},
            "invalid_client",
            "invalid client credentials",
        ),
        ({**PASSWORD, "password": "p&w"}, "invalid_grant", "authentication failure"),
        ({**PASSWORD, "username": "x"}, "invalid_grant", "authentication failure"),
        (
            {"grant_type": "refresh_token", "refresh_token": "x", "client_id": "CK"},
            "invalid_grant",
            "expired access/refresh token",
        ),
        ({"grant_type": "refresh_token", "refresh_token": "RT"}, "invalid_client_id", "client identifier invalid"),
        ({"grant_type": JWT_BEARER, "assertion": "a.b.c"}, "invalid_grant", "invalid assertion"),
        ({"grant_type": "nope"}, "unsupported_grant_type", "grant type not supported"),
        ({}, "unsupported_grant_type", "grant type not supported"),
    ],
)
def test_wrong_credentials(org: SalesforceEmulator, form: dict[str, str], error: str, description: str) -> None:
    reply = token(org, form)
    assert reply.status == 400
    assert reply.json == {"error": error, "error_description": description}
    assert org.logins == 0


def test_the_token_endpoint_wants_a_form(org: SalesforceEmulator) -> None:
    reply = Caller(org)("POST", "/services/oauth2/token", {"grant_type": "client_credentials", **CLIENT})
    assert reply.json["error"] == "invalid_request"
    assert Caller(org)("GET", "/services/oauth2/token").status == 400


def signed(org: SalesforceEmulator, algorithm: str = "RS256", key: str | None = None, **claims: Any) -> str:
    now = org.clock().timestamp()
    good = {"iss": "CK", "sub": "u@example.com", "aud": "https://login.salesforce.com", "exp": str(int(now) + 180)}
    return jwt.encode({**good, **claims}, key or org.credentials.private_key, algorithm=algorithm)


def test_an_assertion_lets_in(org: SalesforceEmulator) -> None:
    for claims in ({}, {"exp": int(org.clock().timestamp()) + 60}, {"aud": "http://127.0.0.1:1"}):
        reply = token(org, {"grant_type": JWT_BEARER, "assertion": signed(org, **claims)})
        assert reply.status == 200, reply.text
        assert "issued_at" not in reply.json


@pytest.mark.parametrize(
    ("claims", "error", "description"),
    [
        ({"iss": "x"}, "invalid_client_id", "client identifier invalid"),
        ({"sub": "x"}, "invalid_grant", "user hasn't approved this consumer"),
        ({"aud": "https://example.com"}, "invalid_grant", "audience is invalid"),
        ({"exp": 1795309199}, "invalid_grant", "expired authorization code"),
        ({"exp": 1795309200 + 3600}, "invalid_grant", "invalid assertion"),
        ({"exp": "soon"}, "invalid_grant", "invalid assertion"),
        ({"exp": None}, "invalid_grant", "invalid assertion"),
    ],
)
def test_an_assertion_is_checked(org: SalesforceEmulator, claims: dict[str, Any], error: str, description: str) -> None:
    reply = token(org, {"grant_type": JWT_BEARER, "assertion": signed(org, **claims)})
    assert reply.json == {"error": error, "error_description": description}


def test_only_the_right_key_signs(org: SalesforceEmulator) -> None:
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = stranger.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    for assertion in (signed(org, key=pem), signed(org, "RS512"), signed(org, "HS256", "x" * 32)):
        reply = token(org, {"grant_type": JWT_BEARER, "assertion": assertion})
        assert reply.json["error_description"] == "invalid assertion"
    public = stranger.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    other = SalesforceEmulator(
        clock=org.clock, client_id="CK", username="u@example.com", jwt_public_key=public.decode()
    )
    assert token(other, {"grant_type": JWT_BEARER, "assertion": signed(org, key=pem)}).status == 200


def soap(org: SalesforceEmulator, body: str, version: str = "59.0") -> Reply:
    return Caller(org)("POST", f"/services/Soap/u/{version}", data=body.encode(), mimetype="text/xml")


def test_the_soap_login(org: SalesforceEmulator) -> None:
    reply = soap(org, ENVELOPE.format("u@example.com", "p&amp;wTOK"))
    assert (reply.status, reply.headers["Content-Type"]) == (200, "text/xml;charset=UTF-8")
    assert f"<userId>{org.user_id}</userId>" in reply.text
    assert "<passwordExpired>false</passwordExpired>" in reply.text
    caller = Caller(org)
    caller.token = reply.text.partition("<sessionId>")[2].partition("</sessionId>")[0]
    assert caller("GET", "limits").status == 200
    logout = (
        '<se:Envelope xmlns:se="http://schemas.xmlsoap.org/soap/envelope/"><se:Header>'
        f'<SessionHeader xmlns="urn:partner.soap.sforce.com"><sessionId>{caller.token}</sessionId></SessionHeader>'
        '</se:Header><se:Body><logout xmlns="urn:partner.soap.sforce.com"/></se:Body></se:Envelope>'
    )
    assert soap(org, logout).status == 200
    assert caller("GET", "limits").status == 401


@pytest.mark.parametrize(
    ("body", "version", "text"),
    [
        (ENVELOPE.format("u@example.com", "p&amp;w"), "59.0", "<sf:exceptionCode>INVALID_LOGIN</sf:exceptionCode>"),
        (ENVELOPE.format("u@example.com", "p&amp;wTOK"), "65.0", "UNSUPPORTED_API_VERSION"),
        (ENVELOPE.format("u@example.com", "p&amp;wTOK"), "40.0", "UNSUPPORTED_API_VERSION"),
        ("<se:Envelope", "59.0", "not well-formed"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', "59.0", "not well-formed"),
        ("<x/>", "59.0", "No operation available"),
    ],
)
def test_soap_faults(org: SalesforceEmulator, body: str, version: str, text: str) -> None:
    reply = soap(org, body, version)
    assert reply.status == 500
    assert text in reply.text


def test_sessions_end(org: SalesforceEmulator) -> None:
    caller = Caller(org)
    caller.token = standing = org.access_token
    assert org.access_token == standing
    org.clock.advance(timedelta(hours=1))
    assert caller("GET", "limits").status == 200
    org.clock.advance(timedelta(hours=1, minutes=59))
    assert caller("GET", "limits").status == 200
    org.clock.advance(timedelta(hours=2))
    assert caller("GET", "limits").json == [
        {"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}
    ]
    caller.token = org.access_token
    assert caller.token != standing
    org.expire_tokens()
    assert caller("GET", "limits").status == 401


def test_a_token_can_be_revoked_and_tells_who_it_is(org: SalesforceEmulator) -> None:
    caller = Caller(org)
    caller.token = org.access_token
    who = caller("GET", f"/id/{org.org_id}/{org.user_id}").json
    assert (who["user_id"], who["organization_id"], who["username"]) == (org.user_id, org.org_id, "u@example.com")
    assert caller("GET", "/services/oauth2/userinfo").json["user_id"] == org.user_id
    data = urlencode({"token": caller.token}).encode()
    assert caller("POST", "/services/oauth2/revoke", data=data, mimetype=FORM).status == 200
    assert caller("POST", "/services/oauth2/revoke", data=data, mimetype=FORM).status == 400
    gone = caller("GET", "/services/oauth2/userinfo")
    assert (gone.status, gone.text) == (403, "Bad_OAuth_Token")


def test_too_many_logins_are_refused(org: SalesforceEmulator) -> None:
    org.auth.logins_per_hour = 2
    answers = [token(org, PASSWORD).status for _ in range(3)]
    assert answers == [200, 200, 400]
    assert "LOGIN_RATE_EXCEEDED" in soap(org, ENVELOPE.format("u@example.com", "p&amp;wTOK")).text
    org.clock.advance(timedelta(hours=1))
    assert token(org, PASSWORD).status == 200
