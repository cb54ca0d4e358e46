"""Liquid: templates parsed, checked and rendered by python-liquid, with the same result on every machine."""
