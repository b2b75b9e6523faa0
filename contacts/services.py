"""Everything that changes contacts. Doors and other apps call these; what takes a list costs the same few
queries however long the list is."""

from __future__ import annotations

from contacts.commands import (
    ContactUpdate,
    MatchResult,
    MoveResult,
    NewTouchpoint,
    RecallDate,
    StageMove,
    TagChange,
    Touch,
    WarmnessAdjustment,
)
from contacts.consent import DEFAULTS as CONSENT_DEFAULTS
from contacts.consent import Said, States, consent_for, consent_history, set_consent, states_at
from contacts.duplicates import dismiss_duplicate
from contacts.editing import (
    EDITABLE,
    add_note,
    delete_contact,
    set_recall_date,
    tag_contacts,
    undo_delete,
    update_contact,
    update_contacts,
)
from contacts.locks import contacts_for_update
from contacts.matching import create_contact, make_lead, match_or_create
from contacts.merging import merge_contacts
from contacts.scoreboard import restore_weights, set_weights
from contacts.stages import move_stage, move_stages, take_move_back
from contacts.touchpoints import log_touchpoints
from contacts.unmerging import unmerge_contact
from contacts.warmness import adjust_warmness, recalculate_warmness

__all__ = [
    "CONSENT_DEFAULTS",
    "EDITABLE",
    "ContactUpdate",
    "MatchResult",
    "MoveResult",
    "NewTouchpoint",
    "RecallDate",
    "Said",
    "StageMove",
    "States",
    "TagChange",
    "Touch",
    "WarmnessAdjustment",
    "add_note",
    "adjust_warmness",
    "consent_for",
    "consent_history",
    "contacts_for_update",
    "create_contact",
    "delete_contact",
    "dismiss_duplicate",
    "log_touchpoints",
    "make_lead",
    "match_or_create",
    "merge_contacts",
    "move_stage",
    "move_stages",
    "recalculate_warmness",
    "restore_weights",
    "set_consent",
    "set_recall_date",
    "set_weights",
    "states_at",
    "tag_contacts",
    "take_move_back",
    "undo_delete",
    "unmerge_contact",
    "update_contact",
    "update_contacts",
]
