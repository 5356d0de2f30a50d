"""What can go wrong because of what a person gave us.

    VeraisonError            a mistake that one line explains; the command line exits 1
    ├── PlaybookError        the firm's definitions are not usable
    ├── MappingError         a mapping file, or a source that does not fit it
    ├── SourceError          a source that cannot be read at all
    ├── StoreError           the workspace cannot be opened, or is of a newer version
    ├── TrainingError        the data do not allow a model
    ├── ModelError           there is no model to score with, or it is not usable
    │   └── RegistryError    the registry of models does not answer
    ├── CustomFeatureError   a firm's own feature is missing, changed or misbehaves
    └── UnknownLeadError     nobody by that id

Anything else that is raised is a defect of ours and keeps its stack trace.
"""


class VeraisonError(Exception):
    """A mistake of input or set-up. The message is one line: what, where, what is allowed, what to do."""


class PlaybookError(VeraisonError):
    """The playbook has an unknown key, a bad value, or names what never occurs."""


class MappingError(VeraisonError):
    """The mapping file is wrong or does not fit the source."""


class SourceError(VeraisonError):
    """The source cannot be read as what it claims to be."""


class StoreError(VeraisonError):
    """The store cannot be opened or belongs to a newer version."""


class TrainingError(VeraisonError):
    """Too few leads or outcomes, or nothing to learn from."""


class ModelError(VeraisonError):
    """No model, or one that this version cannot use."""


class RegistryError(ModelError):
    """The registry of models cannot be reached, or fails; the same may work later."""


class CustomFeatureError(VeraisonError):
    """A firm's own feature cannot be found, is not the one that training used, or does not depend on history alone."""


class UnknownLeadError(VeraisonError):
    """No event of such a lead is visible at that moment."""
