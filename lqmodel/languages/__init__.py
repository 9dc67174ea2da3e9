"""What a person reads, in English, German, Romanian and Norwegian Bokmål."""

from lqmodel.languages.language import ENGLISH, NAMES, Language, meant_by

__all__ = ["ENGLISH", "NAMES", "Language", "meant_by"]
