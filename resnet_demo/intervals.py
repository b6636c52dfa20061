"""How sure a measured share is."""

from __future__ import annotations

from fractions import Fraction
from math import sqrt


def wilson(correct: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """The interval that holds the true share with 95 % confidence (`z`: two-sided normal quantile), within [0, 1].

    Source: Wilson 1927, Probable Inference; unlike p +- z sqrt(p(1-p)/n) it stays sensible at 0, 1 and small n.
    """
    if n <= 0:
        return 0.0, 1.0
    p = correct / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def sign_test(first: int, second: int) -> float:
    """How probable it is that two equals come out at least as far apart as `first` to `second`, two-sided, exact.

    Source: McNemar 1947, on the pictures that only one of two classifiers gets right.
    """
    n, fewer = first + second, min(first, second)
    if n == 0:
        return 1.0
    ways = term = 1
    for k in range(1, fewer + 1):
        term = term * (n - k + 1) // k
        ways += term
    return min(1.0, float(Fraction(2 * ways, 2**n)))
