"""Véraison: how mature a sales lead is, why, and when it will be ready."""

__version__ = "0.1.0"
