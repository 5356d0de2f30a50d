"""Stays as the report of the journey counts them; what families ask of a lead is told by the same (data.stays)."""

from data.stays import AT_ONCE, Bools, Exit, Stays, absent, stays

__all__ = ["AT_ONCE", "Bools", "Exit", "Stays", "absent", "stays"]
