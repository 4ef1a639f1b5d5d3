"""The category spaces of SemEval-2016, written as words (``food quality``).

A restaurant category is one of twelve pairs of entity and attribute; a laptop category any pair
of one of 22 entities and one of nine attributes.
"""

from fsa_jax.opinions.sentences import category_words

RESTAURANT_NAMES = (
    "AMBIENCE#GENERAL",
    "DRINKS#PRICES",
    "DRINKS#QUALITY",
    "DRINKS#STYLE_OPTIONS",
    "FOOD#PRICES",
    "FOOD#QUALITY",
    "FOOD#STYLE_OPTIONS",
    "LOCATION#GENERAL",
    "RESTAURANT#GENERAL",
    "RESTAURANT#MISCELLANEOUS",
    "RESTAURANT#PRICES",
    "SERVICE#GENERAL",
)
LAPTOP_ENTITIES = (
    "LAPTOP",
    "DISPLAY",
    "KEYBOARD",
    "MOUSE",
    "MOTHERBOARD",
    "CPU",
    "FANS_COOLING",
    "PORTS",
    "MEMORY",
    "POWER_SUPPLY",
    "OPTICAL_DRIVES",
    "BATTERY",
    "GRAPHICS",
    "HARD_DISC",
    "MULTIMEDIA_DEVICES",
    "HARDWARE",
    "SOFTWARE",
    "OS",
    "WARRANTY",
    "SHIPPING",
    "SUPPORT",
    "COMPANY",
)
LAPTOP_ATTRIBUTES = (
    "GENERAL",
    "PRICE",
    "QUALITY",
    "DESIGN_FEATURES",
    "OPERATION_PERFORMANCE",
    "USABILITY",
    "PORTABILITY",
    "CONNECTIVITY",
    "MISCELLANEOUS",
)
# As files write them.
NAMES = {
    "restaurant": RESTAURANT_NAMES,
    "laptop": tuple(
        f"{entity}#{attribute}" for entity in LAPTOP_ENTITIES for attribute in LAPTOP_ATTRIBUTES
    ),
}
# As words.
SPACES = {domain: frozenset(map(category_words, names)) for domain, names in NAMES.items()}
RESTAURANT = SPACES["restaurant"]
LAPTOP = SPACES["laptop"]
