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
    r"\b(?:take|get|remove|delete|strike) (?:me|my (?:number|no|name|details|phone|mobile|cell)|this number|"
    r"us)"
    r"(?: \w+){0,3}? (?:off|from|out)\b",
    r"\b(?:remove|delete|lose|forget|erase) (?:my (?:number|no|details|phone|mobile|cell|name|contact)|"
    r"this number)\b",
    r"^(?:please )?(?:remove|delete|unlist) me(?: please| now)?$",
    r"\b(?:off|from) (?:your|the|this|ur) (?:\w+ )?(?:list|lists|database|system|mailing|contacts)\b",
    r"\bwrong (?:number|person|no|phone)\b",
    r"\b(?:this|it) is(?: not|nt) (?!a good|a great|the best)(?:\w+ )?(?:number|phone|mobile)\b|"
    r"\bnot (?:\w+s) (?:number|phone) (?:anymore|any more)\b",
    r"\b(?:cancel|end|quit) (?:all |my |the |these |this |your )*(?:\w+ )?(?:subscriptions?|texts?|txts?|"
    r"messages?|sms|"
    r"texting|messaging|notifications?|reminders|alerts)\b",
    r"\b(?:revoke|withdraw) (?:my )?(?:consent|permission)\b",
    r"\bleave me alone\b|\bblock (?:me|this number)\b|\bhow (?:do|can) i (?:stop|turn off|"
    r"get rid of) (?:\w+ ){0,2}?"
    r"(?:texts?|messages?|sms|reminders)\b|\bturn off (?:\w+ ){0,2}?(?:texts?|messages?|sms|reminders)\b",
)
# Words that turn a stop phrase round: "why did you stop texting me", "please dont unsubscribe me".
STOP_DENIED = (
    r"\b(?:dont|do not|didnt|did not|never|not) (?:want to |mean to |wish to |ask to )?"
    r"(?:stop|unsub\w*|opt out|remove me|delete me|take me off)\b",
    r"\b(?:why|when|have|did) (?:\w+ ){0,3}?stop(?:ped)?\b",
    r"\bun ?subscribed by (?:mistake|accident)\b|\baccidentally\b",
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
HELP_WHOLE = (
    r"(?:please )?(?:help|info|information|halp|hlep|aide|ayuda)(?: (?:please|me|pls|info))*\s?\??",
)

_WEEKDAY = (
    r"(?:mon|tues?|wed(?:nes)?|thurs?|thu|fri|sat(?:ur)?|sun)(?:day)?s?|tomorrow|tmrw|tmr|tomoz|today|"
    r"next week|"
    r"this week|next month|the weekend|after \w+|before \w+|morning|afternoon|evening|later|earlier|sooner|"
    r"lunchtime"
)
_TIME = rf"(?:\d{{1,2}}(?: ?\d\d)? ?(?:am|pm|ish)?|noon|midday|{_WEEKDAY})"
CANCEL_WORD = (
    r"(?:cancel(?!lation)\w*|cancle\w*|cansel\w*|canceld|canel|cacnel|cencel|canncel\w*|cancal|calcel|cnacel)"
)
_COME = (
    r"(?:make it|make (?:my|the|this|that|our|tomorrow|today|\w+day)|attend|come|be there|get there|do it|"
    r"do today|"
    r"do tomorrow|do this|go|keep (?:my|the|it|this)|be coming|be attending|be able|be making|make|turn up)"
)
CANCEL = (
    rf"\b{CANCEL_WORD}\b",
    rf"\b(?:cant|cannot|can not|cnt|couldnt|could not|wont|will not|unable to|not able to|not going to|"
    rf"not gonna|"
    rf"no longer able to|wouldnt|aint gonna|not be able to|cant manage to) (?:\w+ )?{_COME}\b",
    r"\bnot (?:to )?go(?:ing)? ahead\b|\bno longer (?:required|needed)\b|"
    r"\bcan no longer (?:\w+ )?(?:make|come|attend)\b",
    rf"\bcant (?:do|make) (?:(?:on|at|the) )?{_TIME}\b",
    r"\b(?:not|no longer|arent|isnt|wont be|not be) (?:be )?(?:coming|attending|going ahead|making it|"
    r"available)\b",
    r"\b(?:im|we|i|were|we are|i am|he|she|shes|hes|they) (?:are |is |am )?(?:not|no longer) (?:coming|"
    r"attending|able)\b",
    r"\b(?:no longer|dont|do not) (?:need|want|require) (?:it|this|that|my|the|an?)(?: (?:appointment|appt|"
    r"booking|visit|"
    r"appointments|consult\w*|slot|spot|app))?\b(?! (?:to|be|bring))",
    r"\bcall (?:it |this |the \w+ )?off\b|\bgive (?:my|the|up my) (?:spot|slot|place|appointment|"
    r"appt) (?:to|away)\b|"
    r"\bhave to pass\b|\bneed to pass\b|\bgive it a miss\b|\bwont make it\b|\bnot make it\b|\bcant do (?:it|"
    r"that|this)\b",
)
CANCEL_DENIED = (
    rf"\b(?:dont|do not|not|never|no need to|didnt|did not|wont|wouldnt|without|rather not|shouldnt)"
    rf" (?:\w+ ){{0,2}}?{CANCEL_WORD}\b",
)

_THING = (
    r"(?:it|this|that|me|us|my|our|the|an?|appointment|appt|appoint|apt|app|booking|time|date|day|visit|"
    r"slot|consult\w*|"
    r"session|mine)"
)
RESCHEDULE = (
    rf"\b(?:change|switch|move|swap|shift)(?: \w+)? to (?:the |a )?{_TIME}\b",
    rf"\b(?:is|would|does|could) (?:\w+ )?{_TIME} (?:be )?(?:ok|okay|possible|available|free|work|any good|suit)\b",
    rf"\bcant (?:do|make) (?:(?:on|at|the) )?{_TIME}\b.* \?",
    r"\bre ?s?c?h?e?d[a-z]*l[a-z]*\b|\bresched\w*|\bre ?sch[a-z]+\b|\bre sched\w*|\breshed\w*|\brescedul\w*",
    r"\bre ?(?:book|arrang|tim)(?:e|ed|ing)?\b|\bpostpon\w*|\bpostphon\w*",
    rf"\b(?:move|change|chnage|cahnge|shift|swap|switch|push|bump|delay|moved|changed|changing|"
    rf"moving) {_THING}\b"
    rf"(?! (?:mind|address|number|email|phone|name|details|dressing|bandage|surname|last name|car|"
    rf"insurance))",
    r"\b(?:different|another|other|alternative|alternate|better|later|earlier|new|next|sooner) "
    r"(?:available )?(?:time|day|date|appointment|appt|slot|session|week|one|timeslot)s?\b",
    rf"\b(?:can|could|may|possible|able|how about|what about|would|prefer|rather|want|like|lets|instead|"
    rf"maybe|need)"
    rf"(?: \w+){{0,5}}? (?:do|make it|come|have it|be|to|on|at|for|about|it)(?: (?:in|on|at|to|the|for|like|"
    rf"a|bit))*"
    rf" {_TIME} instead\b",
    rf"\b(?:can|could|may) (?:i|we|you) (?:\w+ )?(?:do|make it|come(?: in)?|have)(?: it)?"
    rf"(?: (?:in|on|at|to|the|for|a|bit))* {_TIME}\b",
    rf"\b(?:how|what) about (?:(?:in|on|at|the|a) )*{_TIME}\b",
    rf"\b{_TIME} instead\b|\binstead of\b|\bmake it (?:(?:in|on|at|to|the|for|a|bit) )*(?:later|earlier|"
    rf"{_TIME})\b"
    r"(?<!make it today)(?<!make it tomorrow)",
    r"\b(?:put|hold) (?:it |this |my \w+ )?(?:back|off|forward)\b|\bbring (?:it |my \w+ )?forward\b",
    r"\b(?:any|anything|something) (?:\w+ )?(?:later|earlier|sooner)\b",
)
# Cancelling as the subject of a question, or as something others did.
CANCEL_ASIDE = (
    rf"\b(?:fees?|charged?|charges|policy|cost|penalty|deadline|what happens|how late|"
    rf"notice)\b.*{CANCEL_WORD}|"
    rf"{CANCEL_WORD}.*\b(?:fees?|charged?|charges|policy|cost|penalty|deadline|notice)\b",
    rf"\b(?:did|has|have|was|were|why|who) (?:\w+ ){{0,4}}?{CANCEL_WORD}",
    r"^(?:hi |hello |hey )?(?:is|are) (?:my|the|it|this|that|our|all) ?(?:\w+ ){0,3}?cancell?ed\b",
)
RESCHEDULE_DENIED = (
    r"\b(?:dont|do not|not|no need to|never)(?: \w+){0,3}? (?:move|change|reschedul\w*|rebook)\b",
)

ASKING = (
    r"^(?:hi |hello |hey |ok |okay |and |so |but |sorry |thanks |thank you |yes |good morning |"
    r"good afternoon |quick "
    r"question )*(?:what|whats|when|whens|where|wheres|who|whos|how|hows|which|why|is|are|am i|do|does|did|"
    r"can|could|"
    r"would|should|shall|may|has|have i|was|were|will (?:i|it|you|u|the|there|my|we|this|that|he|she|they|"
    r"someone))\b",
    r"\b(?:wondering|want to know|like to know|wanted to ask|question|can you tell|could you tell|can u|"
    r"can you|"
    r"could you|let me know|please (?:call|ring|phone|advise|tell|send|confirm(?: the| my| what| when|"
    r" if)?)|call me|"
    r"ring me|do i need|should i|how much|how long|what time|what day|not sure|unsure|confused)\b",
)

THANKS = (
    r"(?:thanks?|thank you|thank u|thankyou|thanku|thx|thnx|thanx|tnx|ty|tysm|cheers|ta|appreciated?|"
    r"grateful)"
)
YES = (
    r"(?:y|ye|yes+|yess+|yep+|yup+|yeah+|yea+|yeh|yah|ya|yas|yass|yees|yse|yss|yed|yws|aye|si|oui|sure|"
    r"sure thing|"
    r"confirm|confirmed|confirming|confirms|confirmd|comfirm\w*|conferm\w*|cofirm\w*|confrim\w*|confim\w*|"
    r"cnfirm\w*|"
    r"konfirm\w*|conform|conformed|confirmation|confirmo|definitely|absolutely|certainly|affirmative|"
    r"of course|indeed|"
    r"correct|count me in|(?:ill|i will|we will|well|will|i shall|i plan to|i am going to|"
    r"im going to) be (?:there|"
    r"coming|attending|in)|(?:ill|i will|we will|well|will) (?:see (?:you|u|ya)|attend|come|make it)|"
    r"(?:im|i am|we are|were|am) (?:still )?(?:coming|attending|good to go|on my way|all set)|"
    r"(?:see|c|cya) (?:you|u|ya)|cya|looking forward|look forward|works for me|works fine|that works|"
    r"can make it|"
    r"i can come|i can attend|still coming|still good|good to go|see yas|be there)"
)
AGREED = (
    r"(?:ok+|okay+|okey|oki|okie|okie dokie|k|kk|okk|sounds good|sounds great|all good|thats fine|"
    r"that is fine|no problem)"
)
NICE = (
    r"(?:great|perfect|cool|nice|lovely|awesome|excellent|wonderful|brilliant|good|fine|got it|noted|"
    r"no worries|"
    r"no probs|no problems|not a problem|will do|right|alright|all right|fantastic|amazing|much|so|very|kind)"
)
# Said with a yes, these add nothing.
IDLE = (
    r"(?:please|pls|plz|hi|hello|hey|hiya|gday|morning|afternoon|evening|good morning|good afternoon|"
    r"good evening|dear|"
    r"dr|doctor|mr|mrs|ms|i|im|we|me|my|mine|our|us|you|u|ya|your|it|its|this|that|the|a|an|to|for|on|at|in|"
    r"of|and|is|"
    r"am|are|be|will|ill|can|do|with|by|then|there|here|still|all|everyone|team|guys|will be|have|from|up|"
    r"appointment|appt|appointments|appoint|apt|app|booking|visit|consult|consultation|session|time|date|"
    r"day|slot|"
    r"mon|tue|tues|wed|thu|thur|thurs|fri|sat|sun|monday|tuesday|wednesday|thursday|friday|saturday|sunday|"
    r"today|"
    r"tomorrow|tmrw|tmr|tomoz|tonight|next week|this week|week|soon|jan\w*|feb\w*|mar|march|apr\w*|may|"
    r"june?|july?|"
    r"aug\w*|sept?\w*|oct\w*|nov\w*|dec\w*|"
    r"\d{1,2}(?:st|nd|rd|th|am|pm)?|\d{3,4}(?:am|pm)?|am|pm|oclock|sharp|attend|attending|come|coming|"
    r"forward|meeting|"
    r"seeing|thing|attendance|smile|heart|cant wait|cannot wait|wont be late|wont miss it|reminder|text|"
    r"message|"
    r"again|love|xx*|xo+|regards|kind regards)"
)
# With one of these even a yes is no plain yes.
RISKY = (
    r"\b(?:but|however|unless|if|not|no|nope|nah|dont|doesnt|didnt|isnt|arent|cant|cannot|cnt|couldnt|wont|"
    r"wouldnt|"
    r"shouldnt|havent|hasnt|never|neither|nor|without|maybe|perhaps|possibly|might|probably|hopefully|hope|"
    r"hoping|try|trying|think|guess|"
    r"unsure|depends|late|delayed|running|stuck|sick|unwell|covid|wrong|mistake|already|instead|other|"
    r"another|"
    r"different|earlier|sooner|before|after|until|move|change|changed|call|ring|phone|email|send|tell|ask|"
    r"asked|asking|need|want|"
    r"like|book|booked|book in|pay|paid|price|cost|question|wondering|what|when|where|who|why|how|which|"
    r"could|would|should|"
    r"stop|cancel\w*|forgot|missed|except|although|though|thought|only|interested|unconfirmed|unable|pain|"
    r"bleeding|wait|later|back|mins?|minutes?|in \d{1,2}$|let|check|know)\b|\?"
)

# Said often, and meaning less, or more, than their words.
IDIOMS: tuple[tuple[str, str], ...] = (
    (r"\bsorry (?:for|about) (?:the |my )?(?:late|delayed|slow) (?:reply|response|answer|text)\b", " "),
    (
        r"\b(?:thanks?|thank you|thx) for (?:letting me know|confirming|calling|(?:the|your|all your) \w+)\b",
        " thanks ",
    ),
    (
        r"\b(?:cant|cannot|can not) wait(?: to see \w+)?\b|\b(?:wont|will not) (?:be late|miss it|forget)\b",
        " ",
    ),
    (
        r"\b(?:no|not a|not any) (?:problems?|worries|probs?|issues?|drama)\b|\bnot at all\b|"
        r"\bno need to worry\b",
        " ",
    ),
    (r"\b(?:see|c|catch|talk to|speak to) (?:you|u|ya) (?:later|before then)\b", " see you "),
    (
        r"\b(?:id|i would|we would|wed) like to confirm\b|\b(?:just )?(?:want|wanted|wanting|writing|"
        r"texting|happy|here|this is) "
        r"to confirm\b",
        " confirm ",
    ),
    (
        r"\b(?:ill|i will|will|well|let me|can you|could you|can u|need to|have to|please|going to|gonna|"
        r"you) confirm\b",
        " what ",
    ),
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
SIGNATURE = re.compile(r"\n\s*(?:sent from my|get outlook for|sent via)\b.*", re.IGNORECASE | re.DOTALL)
