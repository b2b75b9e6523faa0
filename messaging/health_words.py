"""Words that say something about somebody's health, and so have no place in a text that others may read. Pure.

`CLEAR` speaks of health whatever stands around it. `LIKELY` has a harmless meaning as well, so the writer is
asked to look again. An entry that ends in `*` stands for every word with that beginning.
"""

from __future__ import annotations

CLEAR: tuple[str, ...] = (
    "abscess*", "acne", "allerg*", "anaesthe*", "anesthe*", "antibiotic*", "anxiety", "arthritis", "asthma*",
    "benign", "biops*", "blood test*", "botox", "bowel*", "cancer*", "carcinoma*", "chemo*", "chlamydia",
    "colonoscop*", "contracepti*", "covid*", "ct scan*", "cyst", "cysts", "dementia", "depress*", "dermal filler*",
    "diabet*", "diagnos*", "disease*", "dysport", "eczema", "endoscop*", "epilep*", "excision*", "fertility",
    "gonorrh*", "gynaec*", "gynec*", "hepatitis", "herpes", "hiv", "hormone*", "hypertension", "infection*",
    "injectable*", "insulin", "ivf", "keratos*", "laser removal", "lesion*", "lip filler*", "liposuction",
    "malignan*", "mammogra*", "medication*", "melanom*", "menopaus*", "metasta*", "miscarr*", "mole", "moles",
    "mri", "oncolog*", "pap smear*", "patholog*", "pregnan*", "prescription*", "psoriasis", "psychi*",
    "radiotherap*", "rash", "rosacea", "semen", "skin check*", "skin cancer*", "sti", "stis", "std", "stds", "surger*",
    "surgical*", "symptom*", "syphilis", "tumor*", "tumour*", "ultrasound*", "vaccin*", "vasectom*", "wart",
    "warts", "wound*", "wrinkle*", "x-ray*", "xray*",
)  # fmt: skip
LIKELY: tuple[str, ...] = (
    "condition", "doctor's report", "filler*", "imaging results", "injection*", "operation*", "procedure*",
    "referral letter", "removal", "result", "results", "scan", "scans", "screening*", "skin", "specimen*", "test",
    "tests", "therap*", "treatment*", "your report",
)  # fmt: skip
