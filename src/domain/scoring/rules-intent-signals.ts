/**
 * The signals of intent, strongest refusal first: the order is the priority, because a match takes
 * its words away from the signals below. Phrases are plain text (see `rules-text.ts`): no accents,
 * no apostrophes.
 */
import type { SentimentTag } from '../sentiment-tag.ts'
import { phrases, type Signal, type SignalEffect } from './rules-signal.ts'
import type { ScoreValue } from './score.ts'

const DAY = String.raw`(?:(?:mon|tues|wednes|thurs|fri|satur|sun)days?|tomorrow|tmrw|tmr|today|tonight|montag|dienstag|mittwoch|donnerstag|freitag|lundi|mardi|mercredi|jeudi|vendredi|lunes|martes|miercoles|jueves|viernes)`
const CLOCK = String.raw`(?:at \d{1,2}|\d{1,2}(?::\d\d)? ?(?:am|pm|uhr|h)|\d{1,2}:\d\d|noon|mornings?|afternoons?|am|pm)`
const SUITS = String.raw`(?:works?|suits?|is (?:good|great|fine|ok|okay|perfect|best)|are best|would be|passt|same time)`
const NOT = String.raw`(?:not|never|isnt|arent|wasnt|no longer)`
const DO_NOT = String.raw`(?:dont|do not|never|stop|quit)`
const OBJECT = String.raw`(?:(?:me|us|over|it|that|through|a|an|the|some|more|any|your|please|mal|bitte|mir|uns) ){0,4}`
const LATER = String.raw`(?:year|quarter|spring|summer|autumn|fall|winter|season|budget cycle|january|february|march|april|june|july|august|september|october|november|december|q[1-4])`

type Entry = Omit<Signal, 'axis' | 'score' | 'effect' | 'tag'>

function at(score: ScoreValue, effect: SignalEffect, tag: SentimentTag, entry: Entry): Signal {
  return { axis: 'intent', score, effect, tag, ...entry }
}

const refusals: readonly Signal[] = [
  // Certain opt-outs are no `text` any more (`message-rules.ts`); these are the wordings left over.
  at(1, 'ends', 'Not Interested', {
    name: 'no-contact',
    meaning: 'asks not to be contacted',
    example: 'Please remove me from your list',
    pattern: phrases(
      String.raw`unsubscribe|opt(?:ing)? (?:me )?out|(?<=^\W{0,3})stop(?=\W{0,5}$)`,
      String.raw`(?:remove|take|delete) (?:me|us|my|our)\b[^.!?]{0,20}(?:off|from|list|data|details|e-?mail|address)|(?:please )?remove (?:me|us)`,
      String.raw`${DO_NOT} (?:ever )?(?:e-?mail|call|contact|text|message|writ|spamm?|bother|pester|sms)(?:e|ing)?(?: (?:me|us|again|any ?more|here|this number)){1,3}(?! (?:before|until|at|on|today|this|but))`,
      String.raw`lose my (?:number|e-?mail|address)|no (?:more|further) (?:e-?mails|messages|calls|texts)`,
      'keine weiteren|abmelden|austragen|retirer de (?:votre|la) liste|desinscri[a-z]*',
      'darme de baja|no me (?:contacte|escriba|llame)[a-z]*',
    ),
  }),
  at(1, 'ends', 'Not Interested', {
    name: 'hostile',
    meaning: 'is hostile',
    example: 'Leave me alone or I will report you',
    pattern: phrases(
      String.raw`f(?:u|\*)[c*]?[k*]{1,4}(?:ing|ed)?(?: off| you)?|piss off|bugger off|get lost|go away|shut up`,
      'leave (?:me|us) alone|harass[a-z]*|report(?:ing)? (?:you|this)|legal action|cease and desist',
      String.raw`(?:this is|you are|your|more|such) (?:\w+ )?(?:spam|spammers?|scam|scammers?|idiots?)`,
    ),
  }),
  at(2, 'holds', 'Follow Up', {
    name: 'not-interested-now',
    meaning: 'declines for now',
    example: 'Not interested at the moment',
    pattern: phrases(
      String.raw`(?:${NOT} (?:really |currently )?(?:interested|looking|needed|a priority|something we need)|(?:dont|do not) need (?:this|it|that)) (?:right now|just now|at (?:the|this) (?:moment|time|point|stage)|for now|yet|currently|today|this (?:year|quarter|month))`,
    ),
  }),
  at(1, 'ends', 'Not Interested', {
    name: 'rejection',
    meaning: 'declines',
    example: 'Thanks, but we are not interested',
    pattern: phrases(
      String.raw`${NOT} (?:(?:at all|really|remotely|particularly|very|that) ){0,2}interested|(?:no|zero) interest|lost interest`,
      String.raw`no,? thanks|no,? thank you|thanks,? but no|hard pass|(?:ill|we will|i will|well|going to|have to) pass(?! (?:it|this|that|on))|(?<=(?:^|[.!?,;] ?))pass(?=[.!?]|$)`,
      String.raw`decided against|(?:gone|going|went) with (?:another|someone|somebody|a different|a competitor)|chose (?:another|someone)`,
      String.raw`no need(?! (?:to|for))|(?:dont|do not) (?:need|want) (?:this|it|that|any|your|anything|one)|not needed`,
      String.raw`(?:very |quite |perfectly )?happy with (?:our|my|the|what|who)|(?:we are|i am|were|we) (?:all )?(?:set|good|sorted|covered)(?= *(?:[.!?,]|thanks|thank|here|$))|nah`,
      String.raw`not for (?:me|us)|not an? (?:good |great |real |right )?(?:fit|match)|wrong number|(?:do not|dont|never) (?:use|work with) (?:agencies|vendors|consultants|third parties|outside)`,
      'please close (?:this|my|the)|close this out|stop wasting|waste of (?:my |our )?time',
      'kein(?:e|en)? (?:interesse|bedarf)|nein,? danke|nicht interessiert',
      'pas (?:du tout )?interesse(?:e|s)?|non,? merci|no (?:me|nos) interesa|no,? gracias',
      'no (?:estoy|estamos) interesad[oa]s?',
    ),
  }),
]

const delays: readonly Signal[] = [
  at(2, 'holds', 'Follow Up', {
    name: 'bad-timing',
    meaning: 'puts it off',
    example: 'Bad timing, maybe next year',
    pattern: phrases(
      String.raw`not (?:right )?now|not (?:at|for) (?:this|the) (?:time|moment|stage|point)|not (?:yet|today|this (?:year|quarter|month))`,
      String.raw`bad tim(?:e|ing)|not (?:a|the) (?:good|great|right|best) time|not (?:a|our|my|the) (?:top )?priority|too (?:early|soon)|(?:on|to) the back ?burner|on hold`,
      String.raw`(?:no|out of|without) budget|budgets? (?:is|are) (?:frozen|spent|tight|gone)|(?:hiring|spending|budget) freeze`,
      String.raw`(?:next|end of|end of next|late|early|later) ${LATER}|later (?:this|in the) ${LATER}|(?:in|until) (?:the )?(?:new year|${LATER})`,
      String.raw`(?:in|after) (?:a few|a couple of|several|\d{1,2}|two|three|four|six|twelve) (?:weeks|months|years)|few months|next month`,
      String.raw`(?:try|ping|contact|reach out|check|circle|come|write|touch base|follow up|get in touch)(?: (?:me|us|back|in|again|out|to|with)){0,3} (?:later|another time|then)|maybe (?:later|another time|some other time)|revisit|keep (?:us|me|you|this|it) (?:on file|posted|in mind)`,
      String.raw`(?:just|recently|only) (?:signed|renewed|switched)|locked in(?:to)?|(?:under|in a) contract (?:until|till|for)|have to cancel|need to cancel|when (?:it|things) (?:calms?|settles?) down`,
      String.raw`(?:momentan|derzeit|zurzeit|aktuell) (?:leider )?(?:nicht|kein[a-z]*|keine zeit)|spater|nachstes jahr|im (?:fruhjahr|sommer|herbst|winter)|keine zeit`,
      'pas (?:pour le|en ce) moment|pas maintenant|plus tard|lannee prochaine',
      'mas adelante|ahora no|por ahora no|el ano que viene|en este momento no',
    ),
  }),
  at(2, 'holds', 'Neutral', {
    name: 'just-exploring',
    meaning: 'is only exploring',
    example: 'We are just exploring for now',
    pattern: phrases(
      '(?:just|only|still|merely) (?:exploring|browsing|looking around|researching)',
      'nothing (?:concrete|specific|urgent)|no (?:concrete|immediate) plans?|out of curiosity',
    ),
  }),
]

const nextSteps: readonly Signal[] = [
  at(4, 'raises', 'Meeting Booked', {
    name: 'meeting-booked',
    meaning: 'has booked a meeting',
    example: 'Booked a slot in your calendar',
    pattern: phrases(
      String.raw`(?:(?:i|we) )?(?:have |ve |just )?booked (?:for|a|in|it|you|on|us|${DAY})|accepted (?:the|your) invite|invite accepted`,
      String.raw`(?:see|speak|talk) (?:to |with )?(?:you|u|ya) (?:then|on|at|next week|${DAY})`,
    ),
  }),
  at(4, 'raises', 'Meeting Requested', {
    name: 'meeting',
    meaning: 'proposes or accepts a time to meet',
    example: 'Thursday 2pm works for me',
    pattern: phrases(
      String.raw`${DAY}[^.!?]{0,25} (?:${CLOCK}|${SUITS})|${CLOCK},? (?:on )?${DAY}|(?:can|could|shall) (?:we|you) (?:do|meet|show|say|make)[^.!?]{0,25} (?:${DAY}|${CLOCK}|next week)`,
      String.raw`(?:free|available|around) (?:on|this|next|for a|${DAY})|(?:which|what) (?:slots?|times?|days?)`,
      String.raw`(?:book|schedule|arrange|set up|line up|organi[sz]e) (?:a|an|some|the|in) (?:time|demo|meeting|call|slot|chat|quick|short)|link to book|(?:your|a) calendar(?: link)?|calendly`,
      String.raw`lets (?:meet|schedule|chat|talk|set up|speak|find a time|book)|(?:see|want|like|get|have|do|arrange) (?:a|the|your) (?:quick |short |live )?(?:demo|meeting)|demo please|move it to`,
      String.raw`happy to (?:meet|chat|talk|jump|hop|connect|speak)|show (?:me|us)(?! (?:the|your|some)? ?(?:price|proof))|termin|rendez-?vous|rdv|reunion|agendar`,
      String.raw`disponible (?:le |el )?${DAY}|(?:kommenden?|nachste[nr]?) ${DAY}`,
    ),
  }),
  at(4, 'raises', 'Call Requested', {
    name: 'call',
    meaning: 'asks for a call',
    example: 'Call me after lunch',
    pattern: phrases(
      String.raw`(?:call|ring|phone) (?:me|us)|give (?:me|us) a (?:quick )?(?:call|ring|bell|buzz|shout)|(?:a |me )?call ?back|(?:hop|jump|get) on (?:a|the) (?:quick )?(?:call|phone)`,
      String.raw`(?:when|can|could|may) (?:can |could )?(?:we|i) (?:speak|talk|chat)|(?:for|have|do|get) a (?:quick |short )?(?:call|chat)|reach me (?:at|on)|my (?:cell|mobile|number|phone|direct line)`,
      'rufen sie (?:mich|uns)|anrufen|telefonieren|ruckruf|appelez|rappele[rz]|un appel|llameme|llamame|llamada',
    ),
  }),
  at(4, 'raises', 'Information Requested', {
    name: 'price',
    meaning: 'asks for a price',
    example: 'What does it cost for 40 people?',
    pattern: phrases(
      String.raw`how much (?:is|are|does|do|would|for|will|it)|how much(?= *(?:\?|$))`,
      String.raw`(?:what|whats|how|send|share|know|get|see|your|have|discuss|need|give) (?:[a-z]+ ){0,4}(?:price|prices|pricing|costs?|fees|rates|quote|quotation)`,
      'was kostet|wie teuer|preisliste|preise|ein angebot|quel est le prix|combien|tarifs?|devis|cuanto cuesta|precios?',
    ),
  }),
  at(4, 'raises', 'Interested', {
    name: 'ready',
    meaning: 'is ready for the next step',
    example: 'Let us go ahead, where do we sign?',
    pattern: phrases(
      String.raw`ready to (?:go|start|sign|buy|book|move|order|proceed)|let ?(?:us|s) (?:go ahead|do (?:it|this)|get started|get going|start|move forward|proceed)|next steps?`,
      String.raw`send ${OBJECT}(?:contract|agreement|proposal|invoice|order form|paperwork)|sign (?:me|us) up|where do (?:i|we) sign|go live`,
      String.raw`how (?:do|can|could) (?:i|we) (?:get started|start|sign|proceed|buy|order)|what do you need from (?:us|me)|to get started|how soon (?:can|could)|when can (?:you|we) start|(?:want|like) to (?:start|buy|order|sign)|please do`,
    ),
  }),
  at(4, 'raises', 'Interested', {
    name: 'urgent',
    meaning: 'is in a hurry',
    example: 'We need this solved asap',
    pattern: phrases(
      String.raw`urgent(?:ly)?|asap|as soon as possible|desperate(?:ly)?|time[- ]sensitive|deadline|need (?:it|this|that|the [a-z]+|one|something) (?:fast|quickly|now|soon|before|by)|dringend|urgente?`,
    ),
  }),
]

const interest: readonly Signal[] = [
  at(2, 'raises', 'Neutral', {
    name: 'who-are-you',
    meaning: 'asks who is writing',
    example: 'Who is this?',
    pattern: phrases(
      'whos? (?:is|are|r) (?:this|you|u|that)|who dis|whos this|(?:how|where) did (?:you|u) (?:get|find) (?:my|our|me|this)[^.!?]{0,20}',
    ),
  }),
  at(3, 'raises', 'Information Requested', {
    name: 'information',
    meaning: 'asks for information',
    example: 'Could you send me more details?',
    pattern: phrases(
      String.raw`(?:send|share|see|get|e-?mail|forward) ${OBJECT}(?:info|infos|information|details|brochure|deck|case stud(?:y|ies)|examples?|materials?|link|video|terms|results|references|overview)`,
      String.raw`(?:more|further|additional) (?:info|information|details|about)|(?:can|could|would) (?:you|u) (?:share|send|explain|tell)|how (?:does|do|would) (?:it|this|that|yours|you|u) (?:work|do)`,
      'schicken sie|unterlagen|mehr infos?|mas informacion|plus dinformations?|en savoir plus',
    ),
  }),
  at(3, 'raises', 'Information Requested', {
    name: 'comparing',
    meaning: 'compares offers',
    example: 'How are you different from other vendors?',
    pattern: phrases(
      String.raw`compar(?:e|ed|es|ing|ison)|different (?:from|to|than)|the difference|versus|vs|other (?:vendors?|providers?|quotes?|options|suppliers?|tools)|alternatives? to|(?:looked|looking|had a look) at|evaluat(?:e|ing)|mehrere angebote`,
    ),
  }),
  at(3, 'raises', 'Interested', {
    name: 'interested',
    meaning: 'says it is interested',
    example: 'Sounds interesting, tell me more',
    pattern: phrases(
      String.raw`interested(?! ?\?)|interesting|intrigued|keen|sounds (?:good|great|useful|promising|fun)|looks (?:good|great|useful|promising)|tell me more|(?:im|i am|count me) in|yes,? please`,
      String.raw`(?:love|like|want|happy|glad) to (?:hear|see|know|learn|look|try|explore|discuss|understand)|worth (?:a look|exploring|discussing)|curious|good timing|go on`,
      'interessant|interessiert|interesse|gerne|me interesa|nos interesa|interessee?s?|volontiers|avec plaisir',
    ),
  }),
  at(3, 'raises', 'Information Requested', {
    name: 'question',
    meaning: 'asks about the offer',
    example: 'Does it work with Word?',
    pattern:
      /(?<=(?:^|[.!?,;] ?))(?:whats|what is|how|do (?:you|u)|does (?:it|this)|can (?:it|you|u)|is (?:it|there)) [a-z0-9]+|(?<![a-z0-9])(?:do|does|can|could|is|are|what|whats|which|how|will|would|did|have|has) (?:[a-z0-9]+ ){0,4}(?:you|your|yours|u|ur|it|this|that|there)(?![a-z0-9])[^.!?]{0,200}\?/g,
  }),
  at(2, 'raises', 'Neutral', {
    name: 'undecided',
    meaning: 'is undecided',
    example: 'Not sure, I will think about it',
    pattern: phrases(
      String.raw`maybe|perhaps|possibly|not sure|unsure|(?:ill|will|let me|have to|need to|still) think(?:ing)?|(?:dont|do not) know|too (?:expensive|pricey|much money)|ask (?:my|our) [a-z]+|pass (?:it|this|that) on|well see`,
    ),
  }),
  at(2, 'raises', 'Follow Up', {
    name: 'busy',
    meaning: 'has no time',
    example: 'Swamped this week',
    pattern: phrases(
      String.raw`busy|hectic|swamped|snowed under|slammed|no time|get back to (?:you|u)`,
    ),
  }),
]

export const intentSignals: readonly Signal[] = [...refusals, ...delays, ...nextSteps, ...interest]
