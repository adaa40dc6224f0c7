"""Messages about guests that are off because ``guests_run`` of their host is False. No I/O."""

SETTING = "guests_run is False"


def reason_off(host: str) -> str:
    """Return why guests of a host are off.

    >>> reason_off("hv2")
    'guests_run is False on hv2'
    """
    return f"{SETTING} on {host}"


def start_hint(guest: str, host: str) -> str:
    """Return how the administrator can start such a guest.

    >>> start_hint("minet-alice", "hv2")
    'on hv2: virsh start minet-alice; or set guests_run = True for hv2, then lab up'
    """
    return f"on {host}: virsh start {guest}; or set guests_run = True for {host}, then lab up"
