"""How people spell: short forms, contractions, common typos and times, each as the one word they stand for."""

from __future__ import annotations

import re
from collections.abc import Mapping


def _table(text: str) -> dict[str, str]:
    """Lines of `word: other spellings` as a look-up from each spelling to its word."""
    pairs = (line.split(":") for line in text.strip().splitlines())
    return {spelling: word.strip() for word, spellings in pairs for spelling in spellings.split()}


#: The word for each other spelling of it, in plain form (no apostrophes, lower case).
SPELLINGS: Mapping[str, str] = _table(
    """
    you: u ya yu yous youse
    your: ur yr
    are: r
    please: pls plz plse pleas plez pleez pleese plss kindly
    thanks: thx thnx thanx tnx ty tysm thnks thks thankyou thanku tks thanq cheers ta thankx thank
    appointment: appt appts apt appoint apmt aptmt appmt appointments appointmnt appoinment booking bookings
    tomorrow: tmrw tmr tmrow tomoz tomo tmw tomorow tommorow tommorrow 2moro 2morrow 2mrw tomora tmoro tomos
    today: 2day tday todays
    tonight: 2nite tonite 2night
    because: coz cos cuz bcoz bcz becoz bc
    with: w wiv
    messages: msg msgs message mssgs smses mesages mesage
    texts: txt txts sms text
    texting: txting messaging msging smsing messagin textin
    reschedule: resched reshedule reschdule reschedual reschedul rescedule reskedule rescheduel rechedule reshcedule
    reschedule: resch reschudule rescheduled reschedules rescheduling
    rebook: rebooking rebooked
    cancel: cancle cancell cansel canel cacnel cencel canncel cancal calcel cnacel cancelled canceled cancelling
    cancel: canceling cancels canceld canx cxl cncl kansel
    cancellation: cancelation cancellations cancelations
    confirm: confrim comfirm conferm cofirm confim cnfirm konfirm confirmed confirms confirming confirmd cfm conf
    confirm: confirmo cnf confirmation conform conformed
    cant: cannot cnt carnt canot cnat couldnt caint kant
    wont: wnt
    dont: dnt donot doesnt dosent doesn
    isnt: arent aint
    im: iam
    unsubscribe: unsub unsubcribe unsubscibe unsubscribed unsubscrib unsuscribe unsubscribing
    yes: y ye yep yup yeah yea yeh yah yas yass yees yse yed yws aye ys yup oui si yepp yeap haan yis yess yip
    no: nope nah na non nein naw
    okay: ok k kk okey oki okie okk oky okays oke okies
    hello: hi hey hiya hallo helo heya gday hii hy greetings namaste hie
    going: goin gonna gna
    want: wanna wan wants wanted
    sorry: soz sry sori sory srry apologies apologise apologize
    minutes: min mins minute mintues
    hours: hrs hour hr
    doctor: dr doc docter doctors
    before: b4 bfore befor
    great: gr8 grt
    later: l8r ltr
    late: l8
    about: abt
    information: info
    see: c cya
    be: b
    and: n
    have: hv hav
    there: thr thre ther
    coming: comin
    attend: atend attending
    make: mak mke making
    week: wk
    weeks: wks
    question: questions qn qns ques
    phone: mobile cell telephone
    time: tym timing timings timeslot times
    when: wen
    what: wat wot wht whats wats
    know: kno
    running: runnin
    definitely: def defo definately definetly definitly
    alright: alrite aight
    reminder: reminders
    change: chnage cahnge chang changed changing
    move: moved moving
    could: cud cld
    would: wud wld
    should: shud shld
    something: smth smthing sumthing somethin
    need: nid ned needs needed
    """
)
_PAIRS = _table(
    """
    cant: can_not could_not
    dont: do_not does_not
    didnt: did_not
    wont: will_not
    isnt: is_not are_not
    im: i_am we_are
    ill: i_will we_will i_shall
    reschedule: re_schedule re_sched
    rebook: re_book
    optout: opt_out
    unsubscribe: un_subscribe
    nolonger: no_longer
    thanks: thank_you thank_u thanks_you
    hello: good_morning good_afternoon good_evening good_day g_day
    """
)
#: Two words that are said as one.
PAIRS: Mapping[tuple[str, str], str] = {
    (pair.split("_")[0], pair.split("_")[1]): word for pair, word in _PAIRS.items()
}

#: A word that is a time, a day or a date, or part of one.
WHEN = re.compile(
    r"\d{1,2}(?:st|nd|rd|th|am|pm|a|p|ish|oclock)|\d{1,4}(?:am|pm|a|p)?|"
    r"(?:mon|tues?|wed(?:nes)?|thurs?|fri|sat(?:ur)?|sun)(?:day)?s?|noon|midday|oclock|"
    r"today|tomorrow|tonight|weekend|fortnight|lunchtime|"
    r"january|february|march|april|june|july|august|september|october|november|december|"
    r"jan|feb|apr|jun|jul|aug|sept?|oct|nov|dec|am|pm"
)
