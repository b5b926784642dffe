"""Decide a personal credit application: one JSON object on standard input, one on standard output."""

import argparse
import json
import re
import sys
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

VERSIONS = {
    1: {
        "in_force_from": date(2023, 1, 1),
        "in_force_to": date(2024, 12, 31),
        "lowest_score": 680,
    },
    2: {
        "in_force_from": date(2025, 1, 1),
        "in_force_to": None,
        "lowest_score": 700,
    },
}

TERMS = (12, 24, 36, 48, 60)
EMPLOYMENTS = ("salaried", "self_employed", "retired", "student", "unemployed")

MIN_INCOME = Decimal("0.00")
MAX_INCOME = Decimal("10000000.00")
MIN_DEBT = Decimal("0.00")
MAX_DEBT = Decimal("1000000.00")
MIN_REQUESTED = Decimal("500.00")
MAX_REQUESTED = Decimal("75000.00")

ADULT_AGE = 18
BANKRUPTCY_MONTHS = 84
DTI_LIMIT = Fraction(43, 100)
MAX_DELINQUENCIES = 2
MIN_MONTHS_EMPLOYED = 6
MIN_CAP = Decimal("500.00")

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


def read_whole_number(case, field, lowest, highest):
    value = case.get(field)
    if not isinstance(value, int) or isinstance(value, bool):
        raise Refused(field)
    if not lowest <= value <= highest:
        raise Refused(field)
    return value


def read_optional_whole_number(case, field, lowest, highest):
    if case.get(field) is None:
        return None
    return read_whole_number(case, field, lowest, highest)


def read_term(case, field):
    value = read_whole_number(case, field, min(TERMS), max(TERMS))
    if value not in TERMS:
        raise Refused(field)
    return value


def version_in_force(day):
    """The number of the version in force on a day, or None."""
    for number, version in VERSIONS.items():
        last_day = version["in_force_to"]
        if version["in_force_from"] <= day and (last_day is None or day <= last_day):
            return number
    return None


def dti_too_high(annual_income, monthly_debt, requested, term_months):
    """Whether debt-to-income is above the limit, compared without rounding."""
    if annual_income == 0:
        return True
    monthly_burden = Fraction(monthly_debt) + Fraction(requested) / term_months
    monthly_income = Fraction(annual_income) / 12
    return monthly_burden / monthly_income > DTI_LIMIT


def credit_cap(score, annual_income):
    if score >= 780:
        share = Decimal("0.40")
    elif score >= 740:
        share = Decimal("0.30")
    else:
        share = Decimal("0.20")
    return (annual_income * share).quantize(CENT, rounding=ROUND_HALF_EVEN)


def outcome(decision, amount, reason):
    return {
        "decision": decision,
        "credit_amount": f"{amount:.2f}",
        "reason_code": reason,
    }


def apply_policy(case, version):
    submitted_on = read_date(case, "submitted_on")
    if version is None:
        version = version_in_force(submitted_on)
        if version is None:
            raise Refused("submitted_on")
    age = read_whole_number(case, "age", 16, 120)
    score = read_optional_whole_number(case, "score", 300, 850)
    annual_income = read_amount(case, "annual_income", MIN_INCOME, MAX_INCOME)
    monthly_debt = read_amount(case, "monthly_debt", MIN_DEBT, MAX_DEBT)
    requested = read_amount(case, "requested_amount", MIN_REQUESTED, MAX_REQUESTED)
    term_months = read_term(case, "term_months")
    employment = read_choice(case, "employment", EMPLOYMENTS)
    months_employed = read_whole_number(case, "months_employed", 0, 720)
    delinquencies = read_whole_number(case, "delinquencies_24m", 0, 99)
    months_since_bankruptcy = read_optional_whole_number(case, "months_since_bankruptcy", 0, 1200)

    lowest_score = VERSIONS[version]["lowest_score"]

    # 1
    if age < ADULT_AGE:
        return outcome("decline", ZERO, "UNDER_AGE")
    # 2
    if score is None:
        return outcome("refer", ZERO, "THIN_FILE")
    # 3
    if months_since_bankruptcy is not None and months_since_bankruptcy < BANKRUPTCY_MONTHS:
        return outcome("decline", ZERO, "RECENT_BANKRUPTCY")
    # 4
    if score < lowest_score:
        return outcome("decline", ZERO, "SCORE_BELOW_FLOOR")
    # 5
    if dti_too_high(annual_income, monthly_debt, requested, term_months):
        return outcome("decline", ZERO, "DTI_TOO_HIGH")
    # 6
    if delinquencies > MAX_DELINQUENCIES:
        return outcome("refer", ZERO, "DELINQUENCIES")
    # 7
    if months_employed < MIN_MONTHS_EMPLOYED and employment != "retired":
        return outcome("refer", ZERO, "SHORT_EMPLOYMENT")

    cap = credit_cap(score, annual_income)
    # 8
    if requested <= cap:
        return outcome("approve", requested, "WITHIN_CAP")
    # 9
    if cap >= MIN_CAP:
        return outcome("approve", cap, "CAPPED")
    # 10
    return outcome("decline", ZERO, "CAP_TOO_LOW")


def decide(case, version=None):
    """The output for a case, under the given version or the one in force."""
    try:
        return apply_policy(case, version)
    except Refused as refusal:
        return {"refused": refusal.field}


def main():
    parser = argparse.ArgumentParser(description="Decide a personal credit application.")
    parser.add_argument("--version", type=int, choices=sorted(VERSIONS))
    arguments = parser.parse_args()

    case = json.load(sys.stdin)
    print(json.dumps(decide(case, arguments.version)))


if __name__ == "__main__":
    main()
