"""The usual meanings of providers' error codes, as failure classes.

`compiled_policy.py` merges them into the compiled policy, where a line of the policy wins. Sources: WhatsApp, Meta's error codes
(developers.facebook.com, WhatsApp Business Platform, support, error codes, 15 May 2026) with the wording of pywa's errors.py;
SMS, Twilio's error dictionary (30003, 21610, …) and the SMPP 3.4 command statuses as smpplib names them; email, RFC 3463; push,
FCM's ErrorCode; LINE and Telegram, the HTTP status of their push calls. The reaction to each code is our own judgement. A code
that is not listed here means the next channel.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from engine.core.model.definition import FailureClass

_MINUTE: Final = 60_000

_NEXT: Final = FailureClass("next_channel")
_STOP: Final = FailureClass("stop_channel")
_WITHDRAW: Final = FailureClass("withdraw_consent")
_CONFIGURATION: Final = FailureClass("configuration")
_SOON: Final = FailureClass("retry", retry_after=10_000, at_most=3)
_LATER: Final = FailureClass("retry", retry_after=_MINUTE, at_most=3)


def _each(meaning: FailureClass, codes: str) -> dict[str, FailureClass]:
    return dict.fromkeys(codes.split(), meaning)


USUAL: Final[Mapping[str, Mapping[str, FailureClass]]] = {
    "whatsapp": {
        # Not a WhatsApp number or an old client; outside the window; the limit of marketing messages per user, for at
        # least 24 hours; in an experiment of Meta's; no such country; not by business-scoped id. Another channel may
        # reach the customer.
        **_each(_NEXT, "131026 131047 131049 130472 130497 131062 131021 131030"),
        # The user stopped marketing from this business.
        **_each(_WITHDRAW, "131050"),
        # Too fast for this user, or for this number; an account in maintenance for a minute.
        **_each(_SOON, "131056 131057"),
        **_each(_LATER, "130429 80007 4"),
        # Unknown error or unavailable service: the message may have gone out, so few retries.
        **_each(FailureClass("retry", retry_after=_MINUTE, at_most=2), "131000 131016 135000 1 2"),
        # The sender, the account, the payment, the token or the template is wrong: a retry helps no customer.
        **_each(_CONFIGURATION, "131048 131064 368 131031 131042 131044 131063 190 0 3 10 200"),
        **_each(_CONFIGURATION, "132000 132001 132005 132007 132008 132012 132015 132016 132068 132069"),
        **_each(_CONFIGURATION, "131008 131009 100 33"),
    },
    "sms": {
        # Twilio. Handset unreachable: one retry. Opted out: withdraw the consent. No mobile number: stop this address.
        "30003": FailureClass("retry", retry_after=5 * _MINUTE, at_most=1),
        **_each(_WITHDRAW, "21610"),
        **_each(_STOP, "21211 21614"),
        **_each(_NEXT, "30004 30005 30006 30007 30008"),
        **_each(_CONFIGURATION, "20003 21606 21659 21660"),
        # SMPP: throttled, queue full; system error; bad destination; bad source.
        **_each(_SOON, "ESME_RTHROTTLED ESME_RMSGQFUL"),
        **_each(_LATER, "ESME_RSYSERR ESME_RX_T_APPN"),
        **_each(_STOP, "ESME_RINVDSTADR"),
        **_each(_NEXT, "ESME_RSUBMITFAIL ESME_RX_P_APPN ESME_RX_R_APPN UNDELIV EXPIRED REJECTD DELETED"),
        **_each(_CONFIGURATION, "ESME_RINVSRCADR ESME_RBINDFAIL ESME_RINVPASWD ESME_RINVSYSID"),
    },
    "email": {
        # Reply codes of SMTP (RFC 5321) and enhanced status codes: 5.1.1 no such mailbox, 5.2.1 disabled, 4.x.x
        # temporary.
        **_each(_STOP, "5.1.1 5.1.2 5.1.3 5.1.6 5.1.10 5.2.1"),
        **_each(FailureClass("retry", retry_after=5 * _MINUTE, at_most=3), "421 450 451 452"),
        **_each(_CONFIGURATION, "530 535 5.7.0 5.7.8 5.7.26"),
    },
    "push": {
        **_each(_STOP, "UNREGISTERED"),
        **_each(_CONFIGURATION, "SENDER_ID_MISMATCH THIRD_PARTY_AUTH_ERROR"),
        **_each(_LATER, "QUOTA_EXCEEDED UNAVAILABLE INTERNAL"),
        **_each(_NEXT, "INVALID_ARGUMENT"),
    },
    "line": {**_each(_LATER, "429 500"), **_each(_CONFIGURATION, "401 403"), **_each(_NEXT, "400")},
    "telegram": {
        **_each(_LATER, "429 500"),
        **_each(_STOP, "403"),
        **_each(_CONFIGURATION, "401"),
        **_each(_NEXT, "400"),
    },
}


def merged(written: Mapping[str, Mapping[str, FailureClass]], channels: Iterable[str]) -> dict[str, dict[str, FailureClass]]:
    """Return `{channel: {code: failure class}}` for the policy's `channels`; a written class overrides the usual one."""
    names = sorted({*channels, *written})
    return {name: dict(sorted({**USUAL.get(name, {}), **written.get(name, {})}.items())) for name in names}
