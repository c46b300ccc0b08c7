"""The bodies of errors that one path may give: gateway, IAM filter,
VBS, Cinder (`backups/vbs/API.md` §8).
"""

from backups.simulator.message import JSON, Answer, encode
from backups.vbs.json_object import JsonObject

# Cinder's names of faults; any other status is a computeFault (§8.1).
FAULT_OF_STATUS = {
    400: "badRequest",
    401: "unauthorized",
    403: "forbidden",
    404: "itemNotFound",
    405: "badMethod",
    409: "conflictingRequest",
    413: "overLimit",
    415: "badMediaType",
    429: "overLimit",
    501: "notImplemented",
    503: "serviceUnavailable",
}
FAULTS = (*sorted(set(FAULT_OF_STATUS.values())), "computeFault")
GATEWAY_CODES = {
    400: "0201",
    401: "0301",
    403: "0302",
    404: "0101",
    429: "0308",
    500: "0601",
    502: "0202",
    503: "0613",
    504: "0203",
}
CBR_CODES = {
    400: "BackupService.9900",
    401: "BackupService.9998",
    403: "BackupService.9903",
    404: "BackupService.6200",
    409: "BackupService.6125",
}
MESSAGES = {
    400: "The server could not comply with the request since it is malformed.",
    401: "The request you have made requires authentication.",
    403: "Policy doesn't allow backup:get to be performed.",
    404: "Backup {backup_id} could not be found.",
    405: "The method is not allowed for this resource.",
    409: "The backup is used by another operation.",
    413: "Maximum number of backups allowed (10) exceeded",
    429: "The throttling threshold has been reached",
    500: "The server has either erred or is incapable of performing the requested operation.",
    501: "The server does not support this function.",
    503: "Service cinder-backup could not be found.",
}
GATEWAY_MESSAGES = {
    401: "Incorrect IAM authentication information: decrypt token fail",
    403: "The request is not allowed for this account",
    404: "The API does not exist or has not been published in the environment",
    502: "Backend unavailable",
    504: "Backend timeout",
}
REASONS = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    409: "Conflict",
    413: "Request Entity Too Large",
    429: "Too Many Requests",
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}
GATEWAY_REQUEST_ID = "71d53ba40c3ad62cdea44b5e9ce5996b"
# The form in which each status usually comes; the rest are Cinder's (§8.1).
NATURAL = {401: "keystone", 407: "html", 408: "text", 429: "apigw", 502: "html", 504: "apigw"}
# The same of CBR: the gateway's, else its own.
NATURAL_OF_CBR = {401: "apig", 407: "html", 408: "text", 429: "apig", 502: "html", 504: "apig"}
HEADERS = {
    401: {"WWW-Authenticate": 'Keystone uri="https://iam.example/v3"'},
    405: {"Allow": "GET"},
    407: {"Proxy-Authenticate": 'Basic realm="proxy"'},
    413: {"Retry-After": "0"},
}


def _message(status: int, backup_id: str) -> str:
    text = MESSAGES.get(status, f"The request ended with status {status}.")
    return text.replace("{backup_id}", backup_id)


def _fault(name: str, status: int, message: str, code: str | None = None) -> JsonObject:
    inner: JsonObject = {"message": message, "code": status if code is None else code}
    if status == 413:
        inner["retryAfter"] = "0"
    return {name: inner}


def _gateway(status: int, prefix: str, message: str) -> JsonObject:
    code = f"{prefix}.{GATEWAY_CODES.get(status, '0601')}"
    return {
        "error_msg": GATEWAY_MESSAGES.get(status, message),
        "error_code": code,
        "request_id": GATEWAY_REQUEST_ID,
    }


def _keystone(status: int, message: str) -> JsonObject:
    return {"error": {"message": message, "code": status, "title": REASONS.get(status, "Error")}}


JSON_FORMS = (
    "cinder",
    "cinder_string_code",
    "badrequest",
    "vbs",
    "common",
    "keystone",
    "iam",
    "apigw",
    "apig",
    "iam_new",
    "cbr",
    "camel",
    "nested",
    "textual",
    "overLimitFault",
    *FAULTS,
)
FORMS = (*JSON_FORMS, "html", "text", "empty")


def _json_body(form: str, status: int, message: str) -> JsonObject:
    cinder_name = FAULT_OF_STATUS.get(status, "computeFault")
    match form:
        case "cinder":
            return _fault(cinder_name, status, message)
        case "cinder_string_code":
            return _fault(cinder_name, status, message, "VolumeBackup.0002")
        case "vbs":
            return {"error": {"message": message, "code": "VolumeBackup.0011"}}
        case "common":
            return {"error": {"message": message, "code": "common.0011"}}
        case "keystone":
            return _keystone(status, message)
        case "iam":
            return _keystone(status, "The X-Auth-Token is invalid!" if status == 401 else message)
        case "apigw":
            return _gateway(status, "APIGW", message)
        case "apig":
            return _gateway(status, "APIG", message)
        case "iam_new":
            return {"error_msg": message, "error_code": "PAP5.0011"}
        case "cbr":
            return {"error_code": CBR_CODES.get(status, "BackupService.9910"), "error_msg": message}
        case "camel":
            return {
                "errorMsg": message,
                "errorCode": "CSBS.0001",
                "encoded_authorization_message": "XXXX",
            }
        case "nested":
            return {"error": _fault("badRequest", status, message)}
        case "textual":
            return {"badRequest": message}
        case "overLimitFault":
            details = "Only 5 per second."
            return {"overLimitFault": {"code": status, "message": message, "details": details}}
    # Every other form is the name of a fault.
    return _fault(form, status, message)


def html(status: int) -> bytes:
    title = f"{status} {REASONS.get(status, 'Error')}"
    return (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n"
        "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    ).encode()


def error(
    status: int, form: str | None = None, *, message: str | None = None, backup_id: str = ""
) -> Answer:
    """Returns the error `status` in the named form (one of FORMS), or in the form that
    this status naturally has.
    """
    if form is None:
        form = NATURAL.get(status, "cinder")
    if message is None:
        message = _message(status, backup_id)
    headers = HEADERS.get(status, {})
    if form == "html":
        return Answer(status, html(status), "text/html", headers)
    if form == "text":
        text = f"{status} {REASONS.get(status, 'Error')}\n\n{message}\n"
        return Answer(status, text.encode(), "text/plain", headers)
    if form == "empty":
        return Answer(status, b"", "text/plain", headers)
    return Answer(status, encode(_json_body(form, status, message)), JSON, headers)


def gateway(status: int, code: str, message: str, *, prefix: str = "APIGW") -> Answer:
    """Returns a refusal by the gateway; `code` is its four digits (§8.2)."""
    body = {
        "error_msg": message,
        "error_code": f"{prefix}.{code}",
        "request_id": GATEWAY_REQUEST_ID,
    }
    return Answer(status, encode(body), JSON, {"X-Request-Id": GATEWAY_REQUEST_ID})


def no_such_api() -> Answer:
    """Returns the 404 that means a wrong address, never "the backup is gone" (§11, trap 16)."""
    return gateway(404, "0101", GATEWAY_MESSAGES[404])


def no_such_backup(backup_id: str) -> Answer:
    return error(404, backup_id=backup_id)
