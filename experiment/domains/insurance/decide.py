"""Decide a property claim: one JSON object on standard input, one on standard output."""

import argparse
import json
import re
import sys
from datetime import date
from decimal import Decimal

VERSIONS = {
    1: {
        "in_force_from": date(2022, 7, 1),
        "in_force_to": date(2024, 6, 30),
        "waiver_threshold": Decimal("10000.00"),
    },
    2: {
        "in_force_from": date(2024, 7, 1),
        "in_force_to": None,
        "waiver_threshold": Decimal("15000.00"),
    },
}

PERILS = ("fire", "theft", "water", "flood", "collision")

MIN_CLAIM = Decimal("0.01")
MAX_CLAIM = Decimal("10000000.00")
MIN_DEDUCTIBLE = Decimal("0.00")
MAX_DEDUCTIBLE = Decimal("100000.00")
MIN_LIMIT = Decimal("0.01")
MAX_LIMIT = Decimal("10000000.00")

NOTICE_DAYS = 60
FRAUD_REFERRAL_SCORE = 80

ZERO = Decimal("0.00")

DATE_PATTERN = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
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


def read_amount(case, field, lowest, highest):
    value = case.get(field)
    if not isinstance(value, str) or not AMOUNT_PATTERN.fullmatch(value):
        raise Refused(field)
    amount = Decimal(value)
    if not lowest <= amount <= highest:
        raise Refused(field)
    return amount


def read_choice(case, field, choices):
    value = case.get(field)
    if not isinstance(value, str) or value not in choices:
        raise Refused(field)
    return value


def read_yes_no(case, field):
    value = case.get(field)
    if not isinstance(value, bool):
        raise Refused(field)
    return value


def read_optional_whole_number(case, field, lowest, highest):
    value = case.get(field)
    if value is None:
        return None
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


def outcome(decision, payout, reason):
    return {
        "decision": decision,
        "payout_amount": f"{payout:.2f}",
        "reason_code": reason,
    }


def apply_policy(case, version):
    loss_date = read_date(case, "loss_date")
    if version is None:
        version = version_in_force(loss_date)
        if version is None:
            raise Refused("loss_date")
    reported_date = read_date(case, "reported_date")
    if reported_date < loss_date:
        raise Refused("reported_date")
    cover_start = read_date(case, "cover_start")
    cover_end = read_date(case, "cover_end")
    claim = read_amount(case, "claim_amount", MIN_CLAIM, MAX_CLAIM)
    deductible = read_amount(case, "deductible", MIN_DEDUCTIBLE, MAX_DEDUCTIBLE)
    limit = read_amount(case, "coverage_limit", MIN_LIMIT, MAX_LIMIT)
    peril = read_choice(case, "peril", PERILS)
    police_report = read_yes_no(case, "police_report")
    fraud_score = read_optional_whole_number(case, "fraud_score", 0, 100)

    waiver_threshold = VERSIONS[version]["waiver_threshold"]

    # 1
    if not cover_start <= loss_date <= cover_end:
        return outcome("denied", ZERO, "NOT_IN_FORCE")
    # 2
    if peril == "flood":
        return outcome("denied", ZERO, "EXCLUDED_PERIL")
    # 3
    if (reported_date - loss_date).days > NOTICE_DAYS:
        return outcome("denied", ZERO, "LATE_NOTICE")
    # 4
    if peril == "theft" and not police_report:
        return outcome("review", ZERO, "MISSING_POLICE_REPORT")
    # 5
    if fraud_score is None or fraud_score >= FRAUD_REFERRAL_SCORE:
        return outcome("review", ZERO, "FRAUD_REFERRAL")
    # 6
    if claim > waiver_threshold:
        return outcome("approved", min(claim, limit), "DEDUCTIBLE_WAIVED")
    # 7
    if claim <= deductible:
        return outcome("denied", ZERO, "BELOW_DEDUCTIBLE")
    # 8
    if claim - deductible > limit:
        return outcome("approved", limit, "LIMIT_APPLIED")
    # 9
    return outcome("approved", claim - deductible, "STANDARD_PAYOUT")


def decide(case, version=None):
    """The output for a case, under the given version or the one in force."""
    try:
        return apply_policy(case, version)
    except Refused as refusal:
        return {"refused": refusal.field}


def main():
    parser = argparse.ArgumentParser(description="Decide a property claim.")
    parser.add_argument("--version", type=int, choices=sorted(VERSIONS))
    arguments = parser.parse_args()

    case = json.load(sys.stdin)
    print(json.dumps(decide(case, arguments.version)))


if __name__ == "__main__":
    main()
