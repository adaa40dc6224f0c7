"""The words for guests that are off because ``guests_run`` of their host is False. No I/O."""

SETTING = "guests_run is False"


def why(host: str) -> str:
    """Why.

    >>> why("hv2")
    'guests_run is False on hv2'
    """
    return f"{SETTING} on {host}"


def start(guest: str, host: str) -> str:
    """How to have one run all the same.

    >>> start("minet-alice", "hv2")
    'on hv2: virsh start minet-alice; or set guests_run = True for hv2, then lab up'
    """
    return f"on {host}: virsh start {guest}; or set guests_run = True for {host}, then lab up"
