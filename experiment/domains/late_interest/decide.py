"""Decide late payment interest: one JSON object on standard input, one on standard output."""

import argparse
import json
import re
import sys
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction

VERSIONS = {
    1: {
        "in_force_from": date(2024, 1, 1),
        "in_force_to": None,
    },
}

# Recorded at (UTC), in force from, rate in percent.
REFERENCE_RATES = [
    (datetime(2023, 12, 20, 10, 0, 0), date(2024, 1, 1), Fraction("4.00")),
    (datetime(2024, 6, 20, 10, 0, 0), date(2024, 7, 1), Fraction("3.50")),
    (datetime(2024, 9, 2, 10, 0, 0), date(2024, 7, 1), Fraction("3.75")),
    (datetime(2024, 12, 18, 10, 0, 0), date(2025, 1, 1), Fraction("3.00")),
]

MIN_AMOUNT = Decimal("0.01")
MAX_AMOUNT = Decimal("1000000.00")

GRACE_DAYS = 5
MIN_INTEREST = Decimal("1.00")
DAYS_IN_YEAR = 365

ZERO = Decimal("0.00")

DATE_PATTERN = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
INSTANT_PATTERN = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
AMOUNT_PATTERN = re.compile(r"(0|[1-9][0-9]*)\.[0-9]{2}")


class Refused(Exception):
    """The policy cannot decide the case because of this field."""

    def __init__(self, field):
        super().__init__(field)
        self.field = field


def read_date(case, field):
    value = case.get(field)
    if not isinstance(value, str) or not DATE_PATTERN.fullmatch(value):
        raise Refused(field)
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise Refused(field)


def read_instant(case, field):
    value = case.get(field)
    if not isinstance(value, str) or not INSTANT_PATTERN.fullmatch(value):
        raise Refused(field)
    try:
        return datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        raise Refused(field)


def read_amount(case, field, lowest, highest):
    value = case.get(field)
    if not isinstance(value, str) or not AMOUNT_PATTERN.fullmatch(value):
        raise Refused(field)
    amount = Decimal(value)
    if not lowest <= amount <= highest:
        raise Refused(field)
    return amount


def read_whole_number(case, field, lowest, highest):
    value = case.get(field)
    if not isinstance(value, int) or isinstance(value, bool):
        raise Refused(field)
    if not lowest <= value <= highest:
        raise Refused(field)
    return value


def version_in_force(day):
    """The number of the version in force on a day, or None."""
    for number, version in VERSIONS.items():
        last_day = version["in_force_to"]
        if version["in_force_from"] <= day and (last_day is None or day <= last_day):
            return number
    return None


def reference_rate(day, known_at):
    """The rate in percent in force on a day, as on record at an instant, or None."""
    candidates = [
        (in_force_from, recorded_at, rate)
        for recorded_at, in_force_from, rate in REFERENCE_RATES
        if recorded_at <= known_at and in_force_from <= day
    ]
    if not candidates:
        return None
    # The latest first day counts, and for the same first day the latest record.
    return max(candidates)[2]


def interest_due(amount, rate, days_late):
    """The interest, rounded once, half-even, to the cent."""
    exact = Fraction(amount) * rate / 100 * days_late / DAYS_IN_YEAR
    cents = round(exact * 100)  # round() of a Fraction is half-even
    return Decimal(cents) / 100


def outcome(decision, interest, reason):
    return {
        "decision": decision,
        "interest": f"{interest:.2f}",
        "reason_code": reason,
    }


def apply_policy(case, version):
    due_on = read_date(case, "due_on")
    if version is None:
        version = version_in_force(due_on)
        if version is None:
            raise Refused("due_on")

    # Whether a rate is on record for due_on depends on known_at, the last field; due_on is
    # nevertheless the first field, so this comes before the fields between them.
    try:
        known_at = read_instant(case, "known_at")
    except Refused:
        known_at = None
    rate = None
    if known_at is not None:
        rate = reference_rate(due_on, known_at)
        if rate is None:
            raise Refused("due_on")

    days_late = read_whole_number(case, "days_late", 0, 365)
    amount = read_amount(case, "amount", MIN_AMOUNT, MAX_AMOUNT)
    if known_at is None:
        raise Refused("known_at")

    # 1
    if days_late <= GRACE_DAYS:
        return outcome("waive", ZERO, "GRACE")

    interest = interest_due(amount, rate, days_late)
    # 2
    if interest < MIN_INTEREST:
        return outcome("waive", ZERO, "BELOW_MINIMUM")
    # 3
    return outcome("charge", interest, "INTEREST")


def decide(case, version=None):
    """The output for a case, under the given version or the one in force."""
    try:
        return apply_policy(case, version)
    except Refused as refusal:
        return {"refused": refusal.field}


def main():
    parser = argparse.ArgumentParser(description="Decide late payment interest.")
    parser.add_argument("--version", type=int, choices=sorted(VERSIONS))
    arguments = parser.parse_args()

    case = json.load(sys.stdin)
    print(json.dumps(decide(case, arguments.version)))


if __name__ == "__main__":
    main()
