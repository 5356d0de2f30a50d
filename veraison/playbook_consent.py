"""The table of the playbook that says who may be contacted: `[consent]`.

The newest word counts, of a trait or of an event. A word that is in neither list says nothing, and where nothing was
ever said `required` decides. Who opted out of everything (`journey.opted_out`) is another matter, and stays as it is::

    [consent]
    trait = "consent"
    required = true
    withdrawn_events = ["Marketing Declined"]
"""

from pydantic import Field, model_validator

from veraison.playbook_table import Name, Table


class Consent(Table):
    """Who may be contacted; without a trait and without events, everybody may.

    trait             ""      trait whose text says it
    granted           ['yes', 'true', '1', 'granted', 'opted in']  texts that are a yes, whatever their case
    withdrawn         ['no', 'false', '0', 'withdrawn', 'opted out']  texts that are a no
    granted_events    []      events that are a yes
    withdrawn_events  []      events that are a no
    required          false   true: who has said nothing is not contacted
    """

    trait: str = ""
    granted: tuple[Name, ...] = ("yes", "true", "1", "granted", "opted in")
    withdrawn: tuple[Name, ...] = ("no", "false", "0", "withdrawn", "opted out")
    granted_events: tuple[Name, ...] = ()
    withdrawn_events: tuple[Name, ...] = ()
    required: bool = Field(default=False, strict=True)

    @model_validator(mode="after")
    def _one_meaning_each(self) -> "Consent":
        for yes, no in (("granted", "withdrawn"), ("granted_events", "withdrawn_events")):
            told = {_form(one): one for one in getattr(self, yes)}
            for one in getattr(self, no):
                if _form(one) in told:
                    raise ValueError(f"{one!r} stands in both {yes} and {no}; a word means one thing")
        if self.required and not (self.trait or self.granted_events):
            raise ValueError(
                "required = true, and nothing says yes, so nobody could be contacted; name a trait or granted_events"
            )
        if self.trait and not (self.granted or self.withdrawn):
            raise ValueError("names a trait, and no text of it that means anything; give granted or withdrawn")
        return self

    @property
    def is_asked(self) -> bool:
        """Whether anything says who may be contacted."""
        return bool(self.trait or self.granted_events or self.withdrawn_events)


def _form(text: str) -> str:
    return " ".join(text.split()).casefold()
