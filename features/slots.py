"""Words the compiled functions share: slots of kinds, what stands for "never", and local time."""

import numba
import numpy as np

DAY = 86_400 * 1_000_000
HOUR = 3_600 * 1_000_000

ALL, INBOUND, OUTBOUND, OTHER, NOWHERE = range(5)
"""The first slots: groups of kinds, and one for what counts nowhere; the kinds' own slots follow."""
SLOT = 0xFFFF
"""The bits of one slot where an event carries three of them."""

compiled = numba.njit(cache=True, nogil=True, error_model="numpy")


@compiled
def ahead(zone_from, zone_offset, when):  # type: ignore[no-untyped-def]  # numba infers
    """Microseconds by which local time is ahead of UTC."""
    if len(zone_from) == 1:
        return zone_offset[0]
    return zone_offset[max(0, np.searchsorted(zone_from, when, side="right") - 1)]
