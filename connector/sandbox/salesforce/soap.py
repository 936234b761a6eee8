"""The one SOAP call that old clients still log in with, and the one they log out with."""

from __future__ import annotations

from xml.sax.saxutils import escape

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException
from werkzeug.wrappers import Request

from connector.sandbox.salesforce.auth import Auth
from connector.sandbox.salesforce.web import Answer

_PARTNER = "{urn:partner.soap.sforce.com}"
# login() does not exist from this version on.
_WITHOUT_LOGIN = 65.0
_ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
    '{namespaces} xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>{body}</soapenv:Body>'
    "</soapenv:Envelope>"
)
_XML = "text/xml;charset=UTF-8"


def answer(auth: Auth, request: Request, version: float, versions: tuple[float, float]) -> Answer:
    """Answer `POST /services/Soap/u/{version}`."""
    if request.method != "POST" or request.mimetype != "text/xml":
        return _fault("soapenv:Client", "content-type of the request should be text/xml")
    if not versions[0] <= version <= versions[1] or version >= _WITHOUT_LOGIN:
        return _fault("sf:UNSUPPORTED_API_VERSION", "UNSUPPORTED_API_VERSION: Invalid Api version specified on URL")
    try:
        root = ElementTree.fromstring(request.get_data())
    except (ElementTree.ParseError, DefusedXmlException, ValueError):
        return _fault("soapenv:Client", "The request is not well-formed XML")
    login = root.find(f".//{_PARTNER}login")
    if login is not None:
        username, password = (login.findtext(_PARTNER + name) or "" for name in ("username", "password"))
        return _login(auth, request.host_url.rstrip("/"), version, username, password)
    if root.find(f".//{_PARTNER}logout") is not None:
        auth.close(root.findtext(f".//{_PARTNER}sessionId") or "")
        return Answer(200, _wrap("<logoutResponse/>", 'xmlns="urn:partner.soap.sforce.com"'), mimetype=_XML)
    return _fault("soapenv:Client", "No operation available for request")


def _login(auth: Auth, base: str, version: float, username: str, password: str) -> Answer:
    if not auth.password_fits(username, password):
        return _login_fault("INVALID_LOGIN", "Invalid username, password, security token; or user locked out.")
    if not auth.count_login():
        return _login_fault("LOGIN_RATE_EXCEEDED", "login rate exceeded")
    org = auth.org
    user = org.get("User", org.user_id)
    result = (
        f"<metadataServerUrl>{base}/services/Soap/m/{version}/{org.org_id[:15]}</metadataServerUrl>"
        f"<passwordExpired>false</passwordExpired><sandbox>false</sandbox>"
        f"<serverUrl>{base}/services/Soap/u/{version}/{org.org_id[:15]}</serverUrl>"
        f"<sessionId>{auth.open()}</sessionId><userId>{org.user_id}</userId>"
        f"<userInfo><organizationId>{org.org_id}</organizationId><userEmail>{escape(user['Email'])}</userEmail>"
        f"<userFullName>{escape(user['Name'])}</userFullName><userId>{org.user_id}</userId>"
        f"<userName>{escape(username)}</userName></userInfo>"
    )
    body = f"<loginResponse><result>{result}</result></loginResponse>"
    return Answer(200, _wrap(body, 'xmlns="urn:partner.soap.sforce.com"'), mimetype=_XML)


def _login_fault(code: str, message: str) -> Answer:
    detail = (
        f'<detail><sf:LoginFault xsi:type="sf:LoginFault"><sf:exceptionCode>{code}</sf:exceptionCode>'
        f"<sf:exceptionMessage>{message}</sf:exceptionMessage></sf:LoginFault></detail>"
    )
    return _fault(f"sf:{code}", f"{code}: {message}", detail)


def _fault(code: str, text: str, detail: str = "") -> Answer:
    body = (
        f"<soapenv:Fault><faultcode>{code}</faultcode><faultstring>{escape(text)}</faultstring>{detail}</soapenv:Fault>"
    )
    return Answer(500, _wrap(body, 'xmlns:sf="urn:fault.partner.soap.sforce.com"'), mimetype=_XML)


def _wrap(body: str, namespaces: str) -> str:
    return _ENVELOPE.format(namespaces=namespaces, body=body)
