"""Powers of two whose bits do not depend on a machine's libm."""

from decimal import Decimal, localcontext

import numpy as np

from features.slots import compiled

_STEPS = 512
_LN2_STEP = 0.6931471805599453 / _STEPS


def _powers() -> tuple[np.ndarray, np.ndarray]:
    """2**(i / _STEPS) for i in 0.._STEPS, and 2.0**k for k in -1074..1023, each the nearest float there is."""
    with localcontext() as context:
        context.prec = 40
        fine = [float(Decimal(2) ** (Decimal(i) / _STEPS)) for i in range(_STEPS + 1)]
    return np.array(fine), np.array([np.ldexp(1.0, k) for k in range(-1074, 1024)])


_FINE, _WHOLE = _powers()


@compiled
def power_of_two(x):  # type: ignore[no-untyped-def]  # numba infers
    """2**x to a few parts in 1e16; 0 below 2**-1022, infinite from 2**1023 on.

    Made of a table and of plain sums and products, so that its bits do not depend on a machine's libm.

    >>> power_of_two(10.0), abs(power_of_two(-0.5) - 2**-0.5) < 1e-15
    (1024.0, True)
    """
    if not x >= -1022.0:
        return 0.0
    if x >= 1023.0:
        return np.inf
    return _within(x)


@compiled
def _within(x):  # type: ignore[no-untyped-def]  # numba infers
    whole = np.floor(x)
    step = (x - whole) * _STEPS
    place = int(step)
    r = (step - place) * _LN2_STEP
    near = 1.0 + r * (1.0 + r * (0.5 + r * (1.0 / 6.0 + r * (1.0 / 24.0))))
    return _WHOLE[np.uint64(int(whole) + 1074)] * (_FINE[np.uint64(place)] * near)


@compiled
def powers_of_two(moments, anchor, rate, found):  # type: ignore[no-untyped-def]  # numba infers
    """Fill ``found[i]`` with 2**((moments[i] - anchor) * rate), exponents all from -1022 to 1023; several at once."""
    for i in range(len(moments)):
        found[i] = _within((moments[i] - anchor) * rate)
