"""Pictures: the waterfall's legend, and what is told of it to those who do not see it."""

from typing import Final

PHRASES: Final = {
    "picture.fit": {"en": "who they are", "de": "wer sie sind", "ro": "cine sunt", "nb": "hvem de er"},
    "picture.engagement": {"en": "what they do", "de": "was sie tun", "ro": "ce fac", "nb": "hva de gjør"},
    "picture.actionable": {
        "en": "marketing or sales can change this",
        "de": "Marketing oder Vertrieb kann das ändern",
        "ro": "marketingul sau vânzările pot schimba acest lucru",
        "nb": "markedsføring eller salg kan endre dette",
    },
    "picture.scale": {
        "en": "×{factor} on the odds",
        "de": "×{factor} auf die Chancen",
        "ro": "×{factor} asupra șanselor",
        "nb": "×{factor} på oddsen",
    },
}  # fmt: skip
