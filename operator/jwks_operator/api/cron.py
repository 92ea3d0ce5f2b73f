"""The grammar of cron expressions, for admission: five fields, each a list of terms, each term by a pattern.

It takes what the planner's cron library (cronsim) takes, and refuses what that refuses, except for a range whose end is
before its start: a regular expression cannot compare. That is told as a condition. Names count in any case.
"""

_STEP = "(/0*[1-9][0-9]*)?"
_MONTHS = "(?i:JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)"
_DAYS = "(?i:SUN|MON|TUE|WED|THU|FRI|SAT)"
_DAY_OF_WEEK = f"(0*[0-7]|{_DAYS})"


def _term(number: str, *more: str) -> str:
    """Return the pattern of a term: a number, a range or all, with a step or without; or one of `more`."""
    return "|".join([f"([*]|{number}(-{number})?){_STEP}", *more])


TERMS = (
    _term("0*[0-5]?[0-9]"),
    _term("0*(1?[0-9]|2[0-3])"),
    _term("0*([1-9]|[12][0-9]|3[01])", f"[Ll][Ww]?{_STEP}"),
    _term(f"(0*([1-9]|1[0-2])|{_MONTHS})"),
    _term(_DAY_OF_WEEK, f"{_DAY_OF_WEEK}#0*[1-5]", "0*[0-7][Ll]"),
)
"""Of minute, hour, day of month, month and day of week; the last of a month is L, its last weekday LW."""


PATTERN = " +".join(f"({term})(,({term}))*" for term in TERMS)
"""A whole expression. One pattern, because CEL cannot price a loop over the terms: the API server refuses the rule."""
