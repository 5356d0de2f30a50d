"""The families of leads in words: what each is called, what is to be done with its leads, and the report on them."""

from collections.abc import Mapping
from typing import Any

from data.families_report import FamiliesReport, Family
from serving.feedback import Feedback
from serving.translations import Words, deferred, sentence
from veraison.playbook import Playbook
from veraison.playbook_returns import follows

_NAMES: Mapping[str, str] = {
    "with_sales": deferred("with sales"),
    "taken_back": deferred("taken back"),
    "off_topic": deferred("off topic"),
    "hot": deferred("hot"),
    "postponed": deferred("postponed"),
    "wrong_contact": deferred("wrong contact"),
    "dormant": deferred("dormant"),
    "nurture": deferred("nurture"),
}
"""The families that every firm knows, as people call them; any other goes by the name that the playbook gives it."""
_NEXT: Mapping[str, str] = {
    "with_sales": deferred("Sales work on it: nothing to do but to wait for what they find."),
    "taken_back": deferred("Sales have left it idle: marketing takes it back, and asks the seller what happened."),
    "off_topic": deferred("Leave it alone: what it asks for is not what the firm sells."),
    "hot": deferred("Call it: it is on the list of sales."),
    "postponed": deferred("Leave it alone until the agreed day; it comes back on its own then."),
    "wrong_contact": deferred("Ask for the right person."),
    "dormant": deferred("Ask once whether the subject still matters; where no answer comes, stop writing."),
    "nurture": deferred("Send what fits its interests, and wait for an act of its own."),
}
_NEXT_OF_RETURN: Mapping[str, str] = {
    "not_mature": deferred("Nurture it: sales found it not mature yet."),
    "no_budget": deferred("Stay in touch until there is a budget again."),
}
NONE = "–"


def family_name(name: str, words: Words) -> str:
    """A family as people call it."""
    return words(_NAMES[name]) if name in _NAMES else name


def next_step(name: str, playbook: Playbook, words: Words, reason: str | None = None) -> str:
    """What to do with a lead of a family, as a sentence: the playbook's own, else the usual one.

    reason : why sales gave it back, where that still holds; what the playbook says of the reason comes first
    """
    if reason is not None and (said := follows(playbook.returns, reason).next):
        return said
    if said := playbook.families.next_of(name):
        return said
    usual = _NEXT_OF_RETURN.get(reason or "") if name == "nurture" else None
    return words(usual or _NEXT[name])


def came_back(said: Feedback, reason: str, words: Words) -> str:
    """When and why a lead came back from sales, in one phrase."""
    told = words("came back on %(date)s: %(reason)s", date=words.date(said.at), reason=reason)
    return told if said.until is None else words("%(told)s until %(date)s", told=told, date=words.day(said.until))


def untouched_for(days: float, words: Words) -> str:
    """How long nothing was done with a lead."""
    return words("nothing done for %(days)s", days=words.days(days)) if days >= 1 else words("something done today")


def headline(report: FamiliesReport, words: Words) -> str:
    """The report in one sentence: whether somebody is forgotten."""
    total = sum(one.leads for one in report.families)
    forgotten = sum(one.untouched for one in report.families)
    if not total:
        return words("There is no open lead.")
    if not forgotten:
        return words.many(
            "%(count)s open lead, in a family each; nobody is forgotten.",
            "%(count)s open leads, in a family each; nobody is forgotten.",
            total,
        )
    return words.many(
        "%(count)s of the open leads, %(total)s in all, is forgotten: nothing was done with it for longer than its "
        "family allows.",
        "%(count)s of the open leads, %(total)s in all, are forgotten: nothing was done with them for longer than "
        "their family allows.",
        forgotten,
        total=words.number(total),
    )


def shown(report: FamiliesReport, words: Words) -> dict[str, Any]:
    """What the page and the file that stands alone show, beside the chart."""
    back = report.named("taken_back")
    return {
        "headline": headline(report, words),
        "families": [row(one, words) for one in report.families],
        "days": words.days(report.days),
        "taken_back": words.many(
            "Marketing takes %(count)s lead back that sales left idle for more than %(days)s.",
            "Marketing takes %(count)s leads back that sales left idle for more than %(days)s.",
            back.leads,
            days=words.days(report.take_back_days),
        ) if back is not None and back.leads else "",
        "no_consent": words.many(
            "%(count)s open lead may not be contacted: it is counted here, and in no list.",
            "%(count)s open leads may not be contacted: they are counted here, and in no list.",
            report.no_consent,
        ) if report.no_consent else "",
        "scored": report.scored,
    }  # fmt: skip


def row(one: Family, words: Words) -> dict[str, str]:
    """One family, as a row of the table."""
    return {
        "name": sentence(family_name(one.name, words)),
        "next": one.next or words(_NEXT[one.name]),
        "leads": words.number(one.leads),
        "untouched": words.number(one.untouched) if one.idle_days else NONE,
        "allowed": words.days(one.idle_days) if one.idle_days else words("no limit"),
        "half": NONE if one.half_idle is None else words.days(one.half_idle) if one.half_idle >= 1 else words("today"),
        "expected": NONE if one.expected is None else words.number(one.expected),
    }
