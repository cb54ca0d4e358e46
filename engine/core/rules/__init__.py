"""The rules for calendar, time zone, quiet hours, caps, assignment, SMS parts, language fallback, duplicates and timer order.

Each rule has its own file. The rules are functions of their arguments alone: they record no decisions, and they import no other
package of the core than `model`.
"""
