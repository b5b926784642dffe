"""Decide a refund case: one JSON object on standard input, one on standard output."""

import argparse
import json
import re
import sys
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

VERSIONS = {
    1: {
        "in_force_from": date(2023, 1, 1),
        "in_force_to": date(2025, 2, 28),
        "return_window_days": 30,
    },
    2: {
        "in_force_from": date(2025, 3, 1),
        "in_force_to": None,
        "return_window_days": 14,
    },
}

CATEGORIES = ("general", "electronics", "digital", "final_sale")
CONDITIONS = ("unopened", "opened", "defective", "damaged")

MIN_AMOUNT = Decimal("0.01")
MAX_AMOUNT = Decimal("100000.00")

DEFECT_WINDOW_DAYS = 90
NO_RECEIPT_SHARE = Decimal("0.50")
RESTOCKING_FEE = Decimal("0.15")

ZERO = Decimal("0.00")
CENT = Decimal("0.01")

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


def version_in_force(day):
    """The number of the version in force on a day, or None."""
    for number, version in VERSIONS.items():
        last_day = version["in_force_to"]
        if version["in_force_from"] <= day and (last_day is None or day <= last_day):
            return number
    return None


def round_half_up(amount):
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def outcome(decision, refund, reason):
    return {
        "decision": decision,
        "refund_amount": f"{refund:.2f}",
        "reason_code": reason,
    }


def apply_policy(case, version):
    purchase_date = read_date(case, "purchase_date")
    if version is None:
        version = version_in_force(purchase_date)
        if version is None:
            raise Refused("purchase_date")
    return_date = read_date(case, "return_date")
    if return_date < purchase_date:
        raise Refused("return_date")
    amount = read_amount(case, "purchase_amount", MIN_AMOUNT, MAX_AMOUNT)
    category = read_choice(case, "category", CATEGORIES)
    condition = read_choice(case, "condition", CONDITIONS)
    has_receipt = read_yes_no(case, "has_receipt")

    return_window_days = VERSIONS[version]["return_window_days"]
    days = (return_date - purchase_date).days

    # 1
    if condition == "defective" and days <= DEFECT_WINDOW_DAYS:
        return outcome("approved", amount, "DEFECTIVE_ITEM")
    # 2
    if category in ("digital", "final_sale"):
        return outcome("denied", ZERO, "NON_REFUNDABLE")
    # 3
    if condition == "damaged":
        return outcome("denied", ZERO, "CUSTOMER_DAMAGE")
    # 4
    if days > return_window_days:
        return outcome("denied", ZERO, "OUTSIDE_WINDOW")
    # 5
    if not has_receipt:
        return outcome("partial", round_half_up(amount * NO_RECEIPT_SHARE), "NO_RECEIPT")
    # 6
    if category == "electronics" and condition == "opened":
        refund = round_half_up(amount - amount * RESTOCKING_FEE)
        return outcome("partial", refund, "RESTOCKING_FEE")
    # 7
    return outcome("approved", amount, "WITHIN_WINDOW")


def decide(case, version=None):
    """The output for a case, under the given version or the one in force."""
    try:
        return apply_policy(case, version)
    except Refused as refusal:
        return {"refused": refusal.field}


def main():
    parser = argparse.ArgumentParser(description="Decide a refund case.")
    parser.add_argument("--version", type=int, choices=sorted(VERSIONS))
    arguments = parser.parse_args()

    case = json.load(sys.stdin)
    print(json.dumps(decide(case, arguments.version)))


if __name__ == "__main__":
    main()
