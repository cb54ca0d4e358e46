"""What the providers' failure codes usually mean; a line in `policy.failure_classes` wins over these.

Sources: Meta's error codes (developers.facebook.com, WhatsApp Business Platform, support/error-codes, 15 May 2026, and
pywa's table of them), Twilio's error pages (30003-30008, 21610, 21211, 21614), SMPP 3.4 section 5.1.3, RFC 5321 section 4.2,
Firebase's FCM ErrorCode page. What to do about each is our own judgement. A code that is not here means `next_channel`.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from engine.core import definition

_NEXT: Final = definition.FailureClass("next_channel")
_STOP: Final = definition.FailureClass("stop_channel")
_WITHDRAW: Final = definition.FailureClass("withdraw_consent")
_CONFIGURATION: Final = definition.FailureClass("configuration")
_SOON: Final = definition.FailureClass("retry", retry_after=60_000, at_most=3)


def _all(codes: Iterable[int | str], kind: definition.FailureClass) -> dict[str, definition.FailureClass]:
    return {str(code): kind for code in codes}


USUAL: Final[Mapping[str, Mapping[str, definition.FailureClass]]] = {
    "whatsapp": {
        # Not a WhatsApp number; outside the 24 h window; the user's limit over all businesses; Meta's own experiment.
        **_all((131026, 131047, 131049, 130472, 131062), _NEXT),
        **_all((131050,), _WITHDRAW),  # the user stopped marketing from this business
        **_all((130429, 131056, 80007, 4, 131000, 131016, 135000, 131057, 1, 2), _SOON),
        # Account, payment, token, template: nothing that this customer could help.
        **_all((131048, 131064, 368, 131031, 130497, 131042, 131044, 190, 0, 3, 10, 131063), _CONFIGURATION),
        **_all((132000, 132001, 132005, 132007, 132008, 132012, 132015, 132016, 132068, 132069), _CONFIGURATION),
        **_all((131008, 131009, 100, 33, 131021, 131030), _CONFIGURATION),
    },
    "sms": {
        **_all((30005, 30006, 30007, 30008, 30004), _NEXT),
        **_all((30003,), definition.FailureClass("retry", retry_after=300_000, at_most=1)),
        **_all((21211, 21614), _STOP),  # not a mobile number
        **_all((21610,), _WITHDRAW),  # the recipient opted out
    },
    "email": {**_all(("421", "450", "451", "452"), _SOON), **_all(("550", "551", "553"), _STOP)},
    "push": {
        **_all(("UNREGISTERED",), _STOP),
        **_all(("QUOTA_EXCEEDED", "UNAVAILABLE", "INTERNAL"), _SOON),
        **_all(("SENDER_ID_MISMATCH", "THIRD_PARTY_AUTH_ERROR", "INVALID_ARGUMENT"), _CONFIGURATION),
    },
}


def merged(
    own: Mapping[str, Mapping[str, definition.FailureClass]],
) -> dict[str, dict[str, definition.FailureClass]]:
    """The usual classes with the policy's own lines over them, sorted, so that equal policies have equal hashes."""
    channels = sorted({*USUAL, *own})
    return {channel: dict(sorted({**USUAL.get(channel, {}), **own.get(channel, {})}.items())) for channel in channels}
