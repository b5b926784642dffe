"""Explain to an auditor what a new version of the personal credit policy changes."""

import ast
import json
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path

import decide

DECIDE_PATH = Path(__file__).resolve().with_name("decide.py")

# The values that a version of the policy sets: what each is called, and how it is written.
PARAMETERS = {
    "lowest_score": ("lowest acceptable score", str),
}


def dict_value(node, key):
    """The node of the value that a dict display holds for a key."""
    for key_node, value_node in zip(node.keys, node.values):
        if isinstance(key_node, ast.Constant) and key_node.value == key:
            return value_node
    raise KeyError(key)


def versions_node():
    """The dict display that decide.py assigns to VERSIONS."""
    tree = ast.parse(DECIDE_PATH.read_text(encoding="utf-8"))
    for statement in tree.body:
        if isinstance(statement, ast.Assign):
            for target in statement.targets:
                if isinstance(target, ast.Name) and target.id == "VERSIONS":
                    return statement.value
    raise LookupError("decide.py does not define VERSIONS")


def place_of(version, parameter):
    literal = dict_value(dict_value(versions_node(), version), parameter)
    return f"decide.py:{literal.lineno}:{literal.col_offset + 1}"


def find_changes(old_version, new_version):
    """The changes, and the names of the values that they change."""
    changes = []
    names = []
    for parameter, (name, write) in PARAMETERS.items():
        old_value = decide.VERSIONS[old_version][parameter]
        new_value = decide.VERSIONS[new_version][parameter]
        if old_value != new_value:
            changes.append({
                "id": f"E{len(changes) + 1}",
                "place": place_of(old_version, parameter),
                "from": write(old_value),
                "to": write(new_value),
            })
            names.append(name)
    return changes, names


def find_changed(population, old_version, new_version, changes):
    changed = []
    for case in population:
        before = decide.decide(case["input"], old_version)
        after = decide.decide(case["input"], new_version)
        if before != after:
            changed.append({
                "scenario": case["scenario"],
                "before": before,
                "after": after,
                # The versions differ in one value only, so it made every difference.
                "changes": [change["id"] for change in changes],
            })
    return changed


def count_of(number, noun):
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def period(version):
    first_day = decide.VERSIONS[version]["in_force_from"]
    last_day = decide.VERSIONS[version]["in_force_to"]
    if last_day is None:
        return f"applications submitted from {first_day}"
    return f"applications submitted from {first_day} to {last_day}"


def total(changed, side):
    return sum((Decimal(case[side]["credit_amount"]) for case in changed), Decimal("0.00"))


def write_narrative(old_version, new_version, changes, names, changed, population):
    sentences = [
        f"This compares version {old_version} of the personal credit policy, in force for {period(old_version)}, "
        f"with version {new_version}, in force for {period(new_version)}."
    ]
    for change, name in zip(changes, names):
        sentences.append(
            f"The {name} changes from {change['from']} to {change['to']} ({change['id']}, {change['place']})."
        )
    if changes:
        sentences.append("No other rule or value differs.")
    else:
        sentences.append("No rule or value differs.")

    sentences.append(
        f"Both versions were applied to {count_of(len(population), 'case')}, whatever the day of submission."
    )
    if changed:
        sentences.append(f"They decide {count_of(len(changed), 'case')} differently.")
        moves = Counter(
            (
                case["before"]["decision"],
                case["before"]["reason_code"],
                case["after"]["decision"],
                case["after"]["reason_code"],
            )
            for case in changed
        )
        parts = [
            f"{count_of(number, 'case')} from {old_decision} ({old_reason}) to {new_decision} ({new_reason})"
            for (old_decision, old_reason, new_decision, new_reason), number in sorted(moves.items())
        ]
        sentences.append("By outcome: " + "; ".join(parts) + ".")
        sentences.append(
            f"The credit granted in these cases adds up to {total(changed, 'before'):.2f} dollars under version "
            f"{old_version} and to {total(changed, 'after'):.2f} dollars under version {new_version}."
        )
    else:
        sentences.append("They decide every case alike.")
    return " ".join(sentences)


def main():
    request = json.load(sys.stdin)
    old_version = request["from_version"]
    new_version = request["to_version"]
    population = request["population"]
    for version in (old_version, new_version):
        if version not in decide.VERSIONS:
            sys.exit(f"govern.py: there is no version {version}")

    changes, names = find_changes(old_version, new_version)
    changed = find_changed(population, old_version, new_version, changes)
    narrative = write_narrative(old_version, new_version, changes, names, changed, population)
    print(json.dumps({"changes": changes, "changed": changed, "narrative": narrative}, indent=2))


if __name__ == "__main__":
    main()
