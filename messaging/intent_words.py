"""The words people use when they answer a clinic's text: what `messaging.intents` looks for.

Patterns see a plain form of the text: lower case, straight apostrophes dropped ("cant", "dont", "ill"), no
accents, punctuation turned into spaces except `?`, well-known signs turned into words (a thumb up is `yes`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

# What Twilio, AWS, Braze or Telnyx take as an opt-out when it stands alone.
CARRIER_STOP = frozenset(
    {"stop", "stopall", "unsubscribe", "end", "quit", "revoke", "optout", "cancel", "arret", "remove", "td"}
)
# Those of them that may as well be about the visit.
CLASH = frozenset({"cancel", "end", "quit"})

STOP_WORD = r"(?:stop+|stpo|sotp|stopall|st0p|stahp|quit|cease|halt)"
_SENDING = (
    r"(?:sending|texting|txting|messaging|msging|contacting|spamming|bothering|calling|harassing|emailing|"
    r"pestering|"
    r"annoying|smsing|ringing)"
)
_NOT = r"(?:dont|do not|donot|never|not)"

# A text of these words alone, one of them from the first line, asks to be left alone.
STOP_BESIDE = frozenset(
    re.findall(
        r"\w+",
        """
        please pls plz plse now ok okay thanks thank thx hi hello hey just immediately asap already
        guys right away at once thats enough sorry dear sir madam said i you u can could would will
        want need to these those the your all any more with sending receiving getting me this that
        further future it everything them text texts txt txts message messages msg msgs sms texting
        messaging notification notifications reminder reminders alert alerts spam communication
        communications contact contacting
        """,
    )
)
STOP_WHOLE = (
    r"(?:opt ?out|td|revoke|remove|arrete?|arreter|parar|pare|alto|basta|baja|detener|"
    r"desuscribir|cancelar suscripcion|стоп|отписаться|停止|退订|取消订阅|td退订|توقف|ايقاف|الغاء الاشتراك|dung|"
    r"huy|ngung|रोकें|रुको|बंद|बंद करो)",
    r"(?:this is )?spam|go away|get lost|piss off|f[a-z*]{2,3} off|leave me alone|not interested|cease and desist",
)
STOP_ANYWHERE = (
    rf"\b{STOP_WORD} {_SENDING}\b",
    rf"\b{STOP_WORD} (?:with )?(?:the |these |this |those |your |all )+"
    rf"(?:\w+ )?(?:texts?|txts?|messages?|msgs?|sms|spam|reminders?|notifications?)\b",
    rf"\b{_NOT} (?:ever )?(?:send|text|txt|message|msg|contact|sms|spam|call|bother|email) (?:me|us|"
    rf"this number|"
    rf"anything)\b(?! (?:the|my|a|when|where|if|until|before|after|back|at|on|about|till|today|tomorrow)\b)",
    r"\bno (?:more|further) (?:texts?|txts?|messages?|msgs?|sms|spam|reminders?|notifications?|of these)\b",
    rf"\b{_NOT} (?:want|wish|like|need)(?: to)? (?:\w+ ){{0,3}}?(?:texts?|txts?|messages?|msgs?|sms|spam|"
    rf"texted|messaged|"
    rf"contacted)\b(?! (?:back|me))",
    r"\bun ?sub(?:s?cr?i?b\w*)?\b|\bun ?suscri\w*",
    r"\bopt(?:ing|ed)? (?:me )?out\b|\boptout\b",
    r"\b(?:take|get|remove|delete|strike|scrub|cross|wipe) (?:me|us|this number|"
    r"my (?:number|no|name|details|phone|mobile|cell|data|info))"
    r"(?: now| please)? (?:off|from|out)(?: of)?"
    r"(?: (?:(?:your|the|this|these|ur|all|any|future|further|contact|text|texting|sms|mailing|marketing|phone|message|"
    r"messaging) ?)*(?:lists?|database|system|records|contacts|files?|texts|messages|sms|reminders|notifications|"
    r"marketing|spam|everything))?(?: please| now| thanks| thank you)*$",
    r"\b(?:remove|delete|lose|forget|erase) (?:my (?:number|no|details|phone|mobile|cell|name|contact)|"
    r"this number)\b",
    r"^(?:please )?(?:remove|delete|unlist) me(?: please| now)?$",
    r"\b(?:off|from) (?:your|the|this|ur|these) (?:(?:text|texting|sms|mailing|marketing|contact|phone|message) )?"
    r"(?:lists?|database|system|records|mailing|contacts)\b(?! (?:for|on|at|to)\b)",
    r"\b(?:cancel|end|quit) (?:all |my |the |these |this |your )*(?:\w+ )?(?:subscriptions?|texts?|txts?|"
    r"messages?|sms|"
    r"texting|messaging|notifications?|reminders|alerts)\b",
    r"\b(?:revoke|withdraw) (?:my )?(?:consent|permission)\b",
    r"\bleave me alone\b|\bblock (?:me|this number)\b|\bhow (?:do|can) i (?:stop|turn off|"
    r"get rid of) (?:\w+ ){0,2}?"
    r"(?:texts?|messages?|sms|reminders)\b|\bturn off (?:\w+ ){0,2}?(?:texts?|messages?|sms|reminders)\b",
    r"\bturn (?:\w+ ){0,3}?(?:texts?|txts?|messages?|sms|reminders?|notifications?) off\b",
    r"\b(?:no|dont) need (?:for you )?to (?:keep )?(?:send|sending|text|texting|message|messaging) (?:me |us )?"
    r"(?:any ?more|more|any|these|this)? ?(?:texts?|txts?|messages?|msgs?|sms|reminders?)\b",
    r"\b(?:told|asked) you (?:\w+ ){0,2}?(?:to stop|not to (?:text|message|contact|sms))\b"
    r"(?! (?:at|by|in|near|past)\b)",
    r"\b(?:make (?:this|that)|(?:this|that) (?:is|be|should be|must be)) (?:the|your) last (?:text|txt|message|sms)\b",
)
# Words that turn a stop phrase round: "why did you stop texting me", "please dont unsubscribe me".
STOP_DENIED = (
    r"\b(?:dont|do not|didnt|did not|never|not) (?:want to |mean to |wish to |ask to )?"
    r"(?:stop|unsub\w*|opt out|remove me|delete me|take me off)\b",
    r"\b(?:why|when|have|did) (?:\w+ ){0,3}?stop(?:ped)?\b",
    r"\b(?:by|in) (?:mistake|accident|error)\b|\b(?:accidental|mistaken)ly\b|\bun un ?sub",
    r"\b(?:ignore|disregard|sorry about) (?:\w+ ){0,3}?(?:stop|cancel|end|unsub\w*)\b",
    # Texts are welcome, or something else shall stop.
    r"\b(?:text|sms|message|txt) (?:me )?(?:only|instead|rather)\b|"
    r"\b(?:just|only|prefer|rather) (?:a )?(?:texts?|sms|txts?)\b|"
    r"\b(?:texts?|sms|messages?|texting) (?:is|are) (?:all )?(?:fine|ok|okay|better|best|good|great|easier|welcome)\b|"
    r"\bvoice ?mail\b|\b(?:waiting|wait|cancellation) ?list\b|"
    r"\bopt(?:ing|ed)? out of (?:the|my|a|an|that|this|having)\b(?! (?:texts?|messages?|sms|reminders?|list))",
)

START_WHOLE = (
    r"(?:please )?(?:start|unstop|un stop|resubscribe|re subscribe|resume|subscribe|opt in|optin|opt me in|"
    r"opt me back in|sign me (?:back )?up|start again|continue texts?)(?: (?:please|again|now|me|thanks))*",
    r"(?:please |you can |ok )*(?:start|resume|restart|continue|keep) (?:sending|texting|messaging|texts|"
    r"messages|sms)"
    r"(?: (?:me|again|please|the|my|texts|messages|sms|reminders))*",
    r"(?:please )?(?:turn (?:the |my )?(?:texts|messages|reminders) back on|i want (?:the |your |to get )?"
    r"(?:texts|messages|reminders) again)(?: please)?",
)
# What a wish to be texted again speaks of.
START_CUE = (
    r"\b(?:start|restart|resume|unstop|re ?sub\w*|subscribe|opt\w*|sign|put|add|again|keep|continue|back|mistake|"
    r"accident|re ?enable|enable|allow|begin|undo)\b",
)
# Who says this does not ask for texts, whatever it begins with.
START_DENIED = (
    r"\b(?:leave|leaving) (?:me|us)\b|\balone\b|\b(?:go|going) away\b|\bnot (?:texting|sending|messaging)\b",
)
HELP_WHOLE = (
    r"(?:please )?(?:help|info|information|halp|hlep|aide|ayuda)(?: (?:please|me|pls|info))*\s?\??",
)

# A stop that speaks of the visit too.
VISIT_TOO = (
    r"\bcanc\w+\b",
    r"\b(?:cant|cannot|can not|wont|unable to|not) (?:be )?(?:\w+ )?(?:make it|come|coming|attend|attending)\b",
)
# What a wish not to be texted is about.
ABOUT_TEXTS = (
    r"\b(?:texts?|txts?|texting|texted|messages?|msgs?|messaging|sms|smsing|spam\w*|reminders?|notifications?|"
    r"contact(?:ed|ing)?|"
    r"lists?|database|system|records|alerts?|number|subscri\w+|unsub\w*)\b",
)

# Without one of these, only a word for it is a stop.
STOP_CUE = (
    rf"\b(?:{STOP_WORD}|remove|delete|unsub\w*|cease|enough|revoke|block\w*|disturb|opt\w*|harass\w*|report\w*)\b",
    r"\b(?:no|not|dont|never|without)(?: \w+){0,3} (?:texts?|txts?|texting|texted|messages?|msgs?|messaging|sms|spam|"
    r"reminders?|notifications?|contact(?:ed|ing)?)\b",
    r"\b(?:off|out of|from)(?: \w+){0,3} (?:lists?|database|system|records)\b",
)

# Puzzled by a text, or without one: no wish that only the model hears.
STOP_PUZZLED = (
    r"\b(?:understand|didnt get|havent (?:got|received|had)|didnt receive|not received|no idea|not sure|unsure|mean|"
    r"cant (?:read|open|see))\b",
)

# A yes that says nothing else, in plain form.
PLAIN_YES = (
    r"(?:y|ye|yes+|ya|yah|yep+|yup+|yeah+|yea|correct|confirm(?:ed)?|of course|sure(?: thing)?|absolutely|definitely|"
    r"certainly|all good|sounds good|sounds great|will be there|be there|ill be there|agreed|ok+|okay+|k+)"
    r"(?: (?:yes|please|thanks?|thank you|mate|confirmed?))*",
)

PLAIN_NO = (r"(?:n|no+|nope|nah|na|non|nein)(?: (?:thanks|thank you|sorry|no))*",)
OK_THANKS = (r"(?:ok+|okay+|k+|all good|sounds good|sounds great)(?: (?:thanks?|thank you))+",)

# Not cancelling, in the model's spelling.
KEPT = (
    r"\b(?:dont|not|isnt|never|didnt|wont|wouldnt|without)(?: \w+){0,2} cancel\b|\bno need to cancel\b",
    r"\b(?:ignore|disregard)(?: \w+){0,3} cancel(?:lation)?\b",
)

# Said with a yes, these mean no harm. Sentences here are in the model's spelling, with ` | ` between them.
HARMLESS = (
    r"\b(?:sorry )?(?:for|about) (?:the |my )?(?:late|delay|delayed|slow) (?:reply|response|answer|texts)\b",
    r"\bfor (?:letting me know|calling|changing|the change|the call)\b",
    r"\b(?:cant|dont) wait\b|\bdont worry\b|\b(?:wont|not) be a problem\b|\b(?:why not|why wouldnt i)\b",
    r"\b(?:wont|wouldnt|not going to|never) miss (?:it|this)\b|"
    r"\bcant (?:be|come) (?:any )?(?:better|sooner|soon enough)\b",
    r"\b(?:wont|wouldnt|cant) (?:be late|forget)\b|\b(?:havent|have not|not) (?:forgotten|forgot|forget)\b",
    r"\b(?:no|not a|not any) (?:problems?|worries|probs?|issues?|dramas?|change|changes)\b|\bnot at all\b",
    r"\b(?:no|dont) need to (?:change|call|worry|reschedule)\b",
    r"\bsee (?:you|them) (?:all )?(?:later|before then|back there|after)\b",
    r"\b(?:i |id |ill )?(?:would |just |do )?(?:like|want|wanted|need) to (?:confirm|keep)\b",
    r"\bcan (?:confirm|make it|attend|come)\b",
    r"\b(?:ill|will) let (?:him|her|them) know\b|\bfor letting\b",
    r"\bif you need anything\b|\bnothing (?:has )?change\b",
)
# A yes says one of these.
YES_WORDS = frozenset(
    re.findall(
        r"\S+",
        """
        yes okay confirm there attend come coming see sure fine good great works work suits suit can ill will
        definitely absolutely certainly correct indeed course accept accepted agree agreed perfect set sorted forward
        im looking works keen ready bet total totally locked lock in noted roger keep keeping course that smile heart
        done affirmative available free expect bringing bring count right acknowledged rsvp date booked
        """,
    )
)
# With one of these a yes is no plain yes, nor a thank you only that.
DOUBTS = frozenset(
    re.findall(
        r"\S+",
        """
        ? but however unless if not no dont doesnt didnt isnt wasnt cant wont wouldnt shouldnt havent hasnt
        hadnt never neither nor without maybe perhaps possibly might probably hopefully hope hoping try trying
        think guess unsure depends depending late delayed running stuck sick unwell covid wrong mistake
        already instead other another different earlier sooner before after until till move change call ring
        phone email send tell ask asked asking need want like book pay paid price cost question wondering what
        when where who why how which could would should stop cancel cancellation forgot missed except although
        though thought only interested unconfirmed unable pain bleeding wait later back minutes let check
        postpone reschedule rebook nolonger rather prefer push shift swap switch delay decline declining
        declined withdraw remove skip skipping skipped miss missing away busy doubt doubtful unlikely
        unfortunately sadly regret regretfully afraid hardly barely bail bailing refuse scrap ditch drop void
        quit end negative tentative tentatively provided assuming clash clashes forget ignore reject rejected
        """,
    )
)

# Signs that stand for words.
SIGNS: Mapping[str, str] = {
    "👍": " yes ",
    "👌": " yes ",
    "✅": " yes ",
    "✔": " yes ",
    "☑": " yes ",
    "💯": " yes ",
    "🙏": " thanks ",
    "❤": " heart ",
    "😊": " smile ",
    "🙂": " smile ",
    "😀": " smile ",
    "😁": " smile ",
    "😃": " smile ",
    "😄": " smile ",
    "🥰": " heart ",
    "😍": " heart ",
    "💕": " heart ",
    "💖": " heart ",
    "🎉": " smile ",
    "👎": " no ",
    "❌": " no ",
    "🛑": " stop ",
    "❓": "? ",
    "\uff1f": "? ",
    "¿": " ",
}

# What phones send for a reaction to a message, quoting that message: not words of the person.
REACTION = re.compile(
    r"^\s*(?P<word>liked|loved|emphasi[sz]ed|questioned|disliked|laughed at|reacted (?P<sign>\S+) to|"
    r"(?P<bare>\W{1,4}) to)"
    r"\s+[\"“‟«'].*[\"”»']\s*$",
    re.IGNORECASE | re.DOTALL,
)
REACTION_WORDS: Mapping[str, str] = {"liked": "yes", "loved": "yes", "questioned": "?"}
SIGNATURE = re.compile(r"\n[^\S\n]*(?:sent from my|get outlook for|sent via)\b.*", re.IGNORECASE | re.DOTALL)

# Words that deny what follows them.
NEGATIONS = frozenset(
    {"not", "cant", "dont", "wont", "isnt", "didnt", "no", "never", "nolonger", "unable", "without"}
)
# Words that differ in a letter from one that means something else.
NO_TYPOS = frozenset(
    re.findall(
        r"\S+",
        """
        cancer cancers chance chances charge charged charges cancun candle castle canvas caned panel conform
        appoint conforming confine
        """,
    )
)
