"""Requests as simple-salesforce 1.12.10 and jsforce 3.10.16 put them on the wire, and what a real org answers to each.

`{name}` stands for what an earlier answer, or the test, has given. A step's `shape` names keys of the JSON object that
is answered, or of the first element of the list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

DATA = "/services/data/v62.0"
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
JSON_UTF8 = "application/json; charset=utf-8"
CSV_UTF8 = "text/csv; charset=UTF-8"
_SIMPLE = {"User-Agent": "python-requests/2.34.2", "Accept": "*/*", "X-PrettyPrint": "1"}
_SIMPLE_BULK = {**_SIMPLE, "Accept": "application/json"}
_SIMPLE_CSV = {**_SIMPLE, "Accept": CSV_UTF8}
_SPAN = "start=2026-11-22T00%3A00%3A00%2B00%3A00&end=2026-11-22T01%3A00%3A00%2B00%3A00"
_LEAD = '{"attributes":{"type":"Lead"},"LastName":"山田","Company":"A"}'
_JOB = ("id", "operation", "object", "state", "apiVersion", "contentType", "lineEnding", "columnDelimiter")


@dataclass(frozen=True, slots=True)
class Step:
    """One request, and what is expected of its answer."""

    tag: str
    method: str
    target: str
    status: int = 200
    body: str = ""
    mimetype: str = JSON
    headers: Mapping[str, str] = field(default_factory=lambda: _SIMPLE)
    shape: tuple[str, ...] = ()
    text: str = ""
    remember: str = ""


def _soap(prefix: str, password: str) -> str:
    return f"""<?xml version="1.0" encoding="utf-8" ?>
<env:Envelope
        xmlns:xsd="http://www.w3.org/2001/XMLSchema"
        xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
        xmlns:env="http://schemas.xmlsoap.org/soap/envelope/"
        xmlns:urn="urn:partner.soap.sforce.com">
    <env:Header>
        <urn:CallOptions>
            <urn:client>simple-salesforce</urn:client>
            <urn:defaultNamespace>sf</urn:defaultNamespace>
        </urn:CallOptions>
    </env:Header>
    <env:Body>
        <{prefix}:login xmlns:{prefix}="urn:partner.soap.sforce.com">
            <{prefix}:username>u@example.com</{prefix}:username>
            <{prefix}:password>{password}</{prefix}:password>
        </{prefix}:login>
    </env:Body>
</env:Envelope>"""


_SOAP_HEADERS = {**_SIMPLE, "charset": "UTF-8", "SOAPAction": "login"}
_TOKEN = ("access_token", "instance_url", "id", "token_type", "signature", "issued_at", "scope")
_PAGE = ("totalSize", "done", "records", "nextRecordsUrl")
_SAVED = ("id", "success", "errors")

SIMPLE_SALESFORCE = [
    Step(
        "soap login",
        "POST",
        "/services/Soap/u/59.0",
        200,
        _soap("n1", "p&amp;wTOK"),
        "text/xml",
        _SOAP_HEADERS,
        text="<sessionId>",
    ),
    Step(
        "soap login, wrong",
        "POST",
        "/services/Soap/u/59.0",
        500,
        _soap("n1", "wrongTOK"),
        "text/xml",
        _SOAP_HEADERS,
        text="<sf:exceptionMessage>Invalid username, password, security token; or user locked out.",
    ),
    Step(
        "password",
        "POST",
        "/services/oauth2/token",
        200,
        mimetype=FORM,
        shape=_TOKEN,
        body="grant_type=password&client_id=CK&client_secret=CS&username=u%40example.com&password=p%26wTOK",
    ),
    Step(
        "client credentials",
        "POST",
        "/services/oauth2/token",
        200,
        "grant_type=client_credentials",
        FORM,
        {**_SIMPLE, "Authorization": "Basic Q0s6Q1M="},
        _TOKEN,
    ),
    Step(
        "password, wrong",
        "POST",
        "/services/oauth2/token",
        400,
        mimetype=FORM,
        shape=("error", "error_description"),
        body="grant_type=password&client_id=CK&client_secret=CS&username=u%40example.com&password=wrong",
    ),
    Step(
        "query",
        "GET",
        DATA + "/query/?q=SELECT+Id%2C+LastName+FROM+Lead+WHERE+SystemModstamp+%3E%3D+2026-11-22T00%3A00%3A00Z",
        shape=_PAGE,
        remember="next",
    ),
    Step("query more", "GET", "{next}", shape=_PAGE),
    Step("query all", "GET", DATA + "/queryAll/?q=SELECT+Id%2C+IsDeleted+FROM+Lead", shape=_PAGE),
    Step("describe global", "GET", DATA + "/sobjects", shape=("encoding", "maxBatchSize", "sobjects")),
    Step("describe", "GET", DATA + "/sobjects/Lead/describe", shape=("name", "fields", "keyPrefix")),
    Step("limits", "GET", DATA + "/limits/", shape=("DailyApiRequests",)),
    Step(
        "create",
        "POST",
        DATA + "/sobjects/Lead/",
        201,
        '{"LastName": "\\u5c71\\u7530", "Company": "A\\u793e"}',
        headers={**_SIMPLE, "Sforce-Duplicate-Rule-Header": "allowSave=true"},
        shape=_SAVED,
    ),
    Step(
        "upsert, new",
        "PATCH",
        DATA + "/sobjects/Lead/MA_Id__c/new%2F%E5%B1%B1%E7%94%B0%201%2B2",
        201,
        '{"LastName": "\\u5c71\\u7530", "Company": "A", "Email": null}',
        shape=(*_SAVED, "created"),
    ),
    Step(
        "upsert, existing",
        "PATCH",
        DATA + "/sobjects/Lead/MA_Id__c/abc",
        200,
        '{"LastName": "\\u5c71\\u7530"}',
        shape=(*_SAVED, "created"),
    ),
    Step(
        "upsert, several",
        "PATCH",
        DATA + "/sobjects/Lead/MA_Id__c/dup",
        300,
        '{"LastName": "\\u5c71\\u7530"}',
        text="/services/data/v62.0/sobjects/Lead/00Q",
    ),
    Step("update", "PATCH", DATA + "/sobjects/Lead/{lead}", 204, '{"Rating": null}'),
    Step("get", "GET", DATA + "/sobjects/Lead/{lead}", shape=("attributes", "Id", "LastName", "SystemModstamp")),
    Step("updated", "GET", DATA + "/sobjects/Lead/updated/?" + _SPAN, shape=("ids", "latestDateCovered")),
    Step(
        "deleted",
        "GET",
        DATA + "/sobjects/Lead/deleted/?" + _SPAN,
        shape=("deletedRecords", "earliestDateAvailable", "latestDateCovered"),
    ),
    Step(
        "collections",
        "PATCH",
        DATA + "/composite/sobjects/Lead/MA_Id__c",
        200,
        '{"allOrNone": false, "records": [{"attributes": {"type": "Lead"}, "MA_Id__c": "m1", "LastName": "\\u5c71",'
        ' "Company": "A"}, {"attributes": {"type": "Lead"}, "MA_Id__c": "m2", "LastName": "x", "Email": "bad"}]}',
        shape=(*_SAVED, "created"),
    ),
    Step(
        "composite",
        "POST",
        DATA + "/composite",
        200,
        '{"allOrNone": false, "compositeRequest": [{"method": "POST", "url": "/services/data/v62.0/sobjects/Task",'
        ' "referenceId": "t1", "body": {"Subject": "Call"}}]}',
        shape=("compositeResponse",),
    ),
    Step(
        "job",
        "POST",
        DATA + "/jobs/ingest",
        200,
        '{"operation": "upsert", "columnDelimiter": "COMMA", "lineEnding": "LF", "externalIdFieldName": "MA_Id__c",'
        ' "object": "Lead", "contentType": "CSV"}',
        headers=_SIMPLE_BULK,
        shape=(*_JOB, "contentUrl"),
        remember="id",
    ),
    Step(
        "upload",
        "PUT",
        DATA + "/jobs/ingest/{id}/batches",
        201,
        "Flag__c,Email,MA_Id__c,LastName,Company\n,,m1,山田,A\nTrue,bad,m2,佐藤,A\n",
        CSV_UTF8,
        _SIMPLE_BULK,
    ),
    Step(
        "close",
        "PATCH",
        DATA + "/jobs/ingest/{id}",
        200,
        '{"state": "UploadComplete"}',
        headers=_SIMPLE_BULK,
        shape=_JOB,
    ),
    Step("poll", "GET", DATA + "/jobs/ingest/{id}", shape=(*_JOB, "numberRecordsFailed", "numberRecordsProcessed")),
    Step(
        "successes",
        "GET",
        DATA + "/jobs/ingest/{id}/successfulResults",
        headers=_SIMPLE_CSV,
        text='"sf__Id","sf__Created","Flag__c","Email","MA_Id__c","LastName","Company"\n"00Q',
    ),
    Step(
        "failures",
        "GET",
        DATA + "/jobs/ingest/{id}/failedResults",
        headers=_SIMPLE_CSV,
        text='"sf__Id","sf__Error","Flag__c","Email","MA_Id__c","LastName","Company"\n"","INVALID_EMAIL_ADDRESS:',
    ),
    Step(
        "unprocessed",
        "GET",
        DATA + "/jobs/ingest/{id}/unprocessedRecords",
        headers=_SIMPLE_CSV,
        text='"Flag__c","Email","MA_Id__c","LastName","Company"\n',
    ),
    Step("delete job", "DELETE", DATA + "/jobs/ingest/{id}", 204, headers=_SIMPLE_BULK),
    Step(
        "query job",
        "POST",
        DATA + "/jobs/query",
        200,
        '{"operation": "query", "columnDelimiter": "COMMA", "lineEnding": "LF",'
        ' "query": "SELECT Id, LastName FROM Lead"}',
        headers=_SIMPLE_CSV,
        shape=_JOB,
        remember="id",
    ),
    Step("query poll", "GET", DATA + "/jobs/query/{id}", shape=(*_JOB, "numberRecordsProcessed")),
    Step(
        "query results",
        "GET",
        DATA + "/jobs/query/{id}/results?maxRecords=2",
        headers=_SIMPLE_CSV,
        text='"Id","LastName"\n"00Q',
    ),
]

_PLAIN = {"Accept": "*/*"}

JSFORCE = [
    Step(
        "soap login",
        "POST",
        "/services/Soap/u/62.0",
        200,
        '<se:Envelope xmlns:se="http://schemas.xmlsoap.org/soap/'
        'envelope/"><se:Header/><se:Body><login xmlns="urn:partner.soap.sforce.com"><username>u@example.com</username>'
        "<password>p&amp;wTOK</password></login></se:Body></se:Envelope>",
        "text/xml",
        {**_PLAIN, "SOAPAction": '""'},
        text="<userId>005",
    ),
    Step(
        "client credentials",
        "POST",
        "/services/oauth2/token",
        200,
        mimetype=FORM,
        headers=_PLAIN,
        shape=_TOKEN,
        body="grant_type=client_credentials&client_id=CK&client_secret=CS",
    ),
    Step(
        "refresh",
        "POST",
        "/services/oauth2/token",
        200,
        mimetype=FORM,
        headers=_PLAIN,
        shape=_TOKEN,
        body="grant_type=refresh_token&refresh_token=RT&client_id=CK&client_secret=CS",
    ),
    Step(
        "query",
        "GET",
        DATA + "/query?q=SELECT%20Id%2C%20LastName%20FROM%20Lead%20WHERE%20Name%20%3D%20%27O%5C%27Brien%27",
        headers=_PLAIN,
        shape=("totalSize", "done", "records"),
    ),
    Step(
        "query all", "GET", DATA + "/queryAll?q=SELECT%20Id%2C%20IsDeleted%20FROM%20Lead", headers=_PLAIN, shape=_PAGE
    ),
    Step("limits", "GET", DATA + "/limits", headers=_PLAIN, shape=("DailyApiRequests", "DailyBulkApiBatches")),
    Step(
        "create",
        "POST",
        DATA + "/sobjects/Lead",
        201,
        '{"LastName":"山田","Company":"A社"}',
        headers=_PLAIN,
        shape=_SAVED,
    ),
    Step(
        "create many",
        "POST",
        DATA + "/composite/sobjects",
        200,
        f'{{"allOrNone":false,"records":[{_LEAD},{_LEAD}]}}',
        headers=_PLAIN,
        shape=_SAVED,
    ),
    Step(
        "upsert",
        "PATCH",
        DATA + "/sobjects/Lead/MA_Id__c/new1",
        201,
        '{"LastName":"山田","Company":"A","Email":null}',
        headers=_PLAIN,
        shape=(*_SAVED, "created"),
    ),
    Step(
        "upsert many",
        "PATCH",
        DATA + "/composite/sobjects/Lead/MA_Id__c",
        200,
        '{"allOrNone":false,"records":[{"MA_Id__c":"m1","attributes":{"type":"Lead"},"LastName":"山田","Company":"A"},'
        '{"MA_Id__c":"m2","attributes":{"type":"Lead"},"LastName":"佐藤","Email":"bad"}]}',
        headers=_PLAIN,
        shape=(*_SAVED, "created"),
    ),
    Step("destroy many", "DELETE", DATA + "/composite/sobjects?ids={lead}", headers=_PLAIN, shape=_SAVED),
    Step(
        "updated", "GET", DATA + "/sobjects/Lead/updated?" + _SPAN, headers=_PLAIN, shape=("ids", "latestDateCovered")
    ),
    Step(
        "job",
        "POST",
        DATA + "/jobs/ingest",
        200,
        '{"object":"Lead","operation":"upsert","externalIdFieldName":"MA_Id__c"}',
        JSON_UTF8,
        _PLAIN,
        (*_JOB, "contentUrl"),
        remember="id",
    ),
    Step(
        "upload",
        "PUT",
        DATA + "/jobs/ingest/{id}/batches",
        201,
        "Id,MA_Id__c,LastName,Company,Email,Flag__c\n,m1,山田,A,#N/A,true\n,m2,佐藤,A,bad,false\n",
        "text/csv",
        _PLAIN,
    ),
    Step("close", "PATCH", DATA + "/jobs/ingest/{id}", 200, '{"state":"UploadComplete"}', JSON_UTF8, _PLAIN, _JOB),
    Step("poll", "GET", DATA + "/jobs/ingest/{id}", headers=_PLAIN, shape=(*_JOB, "numberRecordsProcessed")),
    Step(
        "successes",
        "GET",
        DATA + "/jobs/ingest/{id}/successfulResults",
        headers=_PLAIN,
        text='"","m1","山田","A","#N/A","true"',
    ),
    Step(
        "unprocessed",
        "GET",
        DATA + "/jobs/ingest/{id}/unprocessedrecords",
        headers=_PLAIN,
        text='"Id","MA_Id__c","LastName","Company","Email","Flag__c"\n',
    ),
    Step(
        "query job",
        "POST",
        DATA + "/jobs/query",
        200,
        '{"query":"SELECT Id, LastName FROM Lead","operation":"query"}',
        JSON_UTF8,
        _PLAIN,
        _JOB,
        remember="id",
    ),
    Step("query results", "GET", DATA + "/jobs/query/{id}/results", headers=_PLAIN, text='"Id","LastName"\n"00Q'),
]
