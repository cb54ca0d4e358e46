"""Liquid: templates parsed, checked and rendered through python-liquid, the same on every machine."""
