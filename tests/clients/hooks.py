"""What schemathesis checks beside its own: a request that the schema allows is never refused for a bound that
the schema could have told."""

import json
import os
import re
import zlib

import schemathesis

# What is there: ids by the names of path parameters, and the key that asks.
KNOWN = json.loads(os.environ.get("CALLWRIGHT_KNOWN", "{}"))
OWN_KEY = os.environ.get("CALLWRIGHT_OWN_KEY", "")

# Codes of faults that a schema has words for: types, bounds, lengths, patterns, enums, required fields.
TELLABLE = {
    "missing_field", "unknown_field", "unknown_value", "invalid_value", "too_long", "too_short", "too_many", "too_few",
    "too_small", "too_large", "required", "out_of_bounds", "control_character", "not_an_object", "invalid_parameter",
    "unknown_outcome", "unknown_persona", "not_a_sip_status", "repeated",
}
# Places where a fault with such a code is about more than one field, or about what a text means.
RULES = {
    # Redial needs retries only while it is enabled, and statuses only in the advanced mode.
    ("/redial/retry_seconds", "required"), ("/redial/statuses", "required"),
    # One of several kinds must have the rate that we send.
    ("/asterisk/audio_kinds", "required"),
    ("/simulated/mix", "required"),
    # The enterprise's own limit, below the largest that any may have.
    ("/concurrency", "too_large"),
    # A period that is the complement of another has no ranges of its own; every other has some.
    ("/ranges", "too_few"),
    # The options of an import stand in the query or in a part of the form, and its format may be told by the
    # file's name: what is nowhere is missing.
    ("/format", "missing_field"), ("/batch_name", "missing_field"),
    # A day that its month does not have.
    ("/schedule/scheduled_start", "invalid_value"), ("/schedule/scheduled_end", "invalid_value"),
    # The names of an export's fields: the table in the docs lists them.
    ("/fields/*", "unknown_field"),
    # What a SIP trunk needs hangs on its driver, its transport and whether it has a password.
    ("/sip", "required"), ("/sip/server_name", "required"), ("/sip/user", "required"),
}


@schemathesis.hook
def before_call(context, case, kwargs):
    """Half of the right requests name something that is there; none revokes the key that asks."""
    path = case.path_parameters or {}
    positive = case.meta is not None and case.meta.generation.mode.is_positive
    if positive and "STATEFUL" not in str(case.meta.phase.name).upper():
        for name in path:
            if name in KNOWN and zlib.crc32(repr(sorted(path.items())).encode()) % 2:
                path[name] = KNOWN[name]
    if path.get("key_id") == OWN_KEY and case.method.upper() == "DELETE":
        path["key_id"] = OWN_KEY[:-8] + "00000000"


@schemathesis.check
def a_bound_is_told_by_the_schema(ctx, response, case):
    if case.meta is None or not case.meta.generation.mode.is_positive or response.status_code not in (400, 422):
        return
    for fault in response.json().get("errors", []):
        pointer, code = re.sub(r"/[0-9]+", "/*", fault["pointer"]), fault["code"]
        if code in TELLABLE and (pointer, code) not in RULES:
            raise AssertionError(f"{pointer} {code}: {fault['detail']}: the schema does not tell this")
