/**
 * The signals of intent, strongest first: next steps asked for, then interest. Phrases are plain
 * text (see `rules-text.ts`): no accents, no apostrophes.
 */
import { anyOf, intentSignal as at, phrases, type Signal } from './rules-signal.ts'

const DAY = anyOf(
  '(?:mon|tues|wednes|thurs|fri|satur|sun)days?|tomorrow|tmrw|tmr|today|tonight',
  'montag|dienstag|mittwoch|donnerstag|freitag|lundi|mardi|mercredi|jeudi|vendredi',
  'lunes|martes|miercoles|jueves|viernes',
)
const CLOCK = anyOf(
  String.raw`at \d{1,2}|\d{1,2}(?::\d\d)? ?(?:am|pm|uhr|h)|\d{1,2}:\d\d`,
  'noon|mornings?|afternoons?|am|pm',
)
const SUITS =
  '(?:works?|suits?|is (?:good|great|fine|ok|okay|perfect|best)|are best|would be|passt|same time)'
const OBJECT =
  '(?:(?:me|us|over|it|that|through|a|an|the|some|more|any|your|please|mal|bitte|mir|uns) ){0,4}'

export const nextStepSignals: readonly Signal[] = [
  at(4, 'raises', 'Meeting Booked', {
    name: 'meeting-booked',
    meaning: 'has booked a meeting',
    example: 'Booked a slot in your calendar',
    pattern: phrases(
      `(?:(?:i|we) )?(?:have |ve |just )?booked (?:for|a|in|it|you|on|us|${DAY})`,
      'accepted (?:the|your) invite|invite accepted',
      `(?:see|speak|talk) (?:to |with )?(?:you|u|ya) (?:then|on|at|next week|${DAY})`,
    ),
  }),
  at(4, 'raises', 'Meeting Requested', {
    name: 'meeting',
    meaning: 'proposes or accepts a time to meet',
    example: 'Thursday 2pm works for me',
    pattern: phrases(
      `${DAY}[^.!?]{0,25} (?:${CLOCK}|${SUITS})|${CLOCK},? (?:on )?${DAY}`,
      [
        '(?:can|could|shall) (?:we|you) (?:do|meet|show|say|make)[^.!?]{0,25} ',
        `(?:${DAY}|${CLOCK}|next week)`,
      ],
      `(?:free|available|around) (?:on|this|next|for a|${DAY})`,
      '(?:which|what) (?:slots?|times?|days?)',
      [
        '(?:book|schedule|arrange|set up|line up|organi[sz]e) (?:a|an|some|the|in) ',
        '(?:time|demo|meeting|call|slot|chat|quick|short)',
      ],
      'link to book|(?:your|a) calendar(?: link)?|calendly',
      'lets (?:meet|schedule|chat|talk|set up|speak|find a time|book)',
      [
        '(?:see|want|like|get|have|do|arrange) (?:a|the|your) (?:quick |short |',
        'live )?(?:demo|meeting)',
      ],
      'demo please|move (?:it|this|the call|our call) to|reschedul(?:e|ing)',
      `(?:how|what) about (?:next week|this week|${DAY})|your availability`,
      'happy to (?:meet|chat|talk|jump|hop|connect|speak)',
      'show (?:me|us)(?! (?:the|your|some)? ?(?:price|proof))|termin|rendez-?vous|rdv|reunion',
      'agendar',
      `disponible (?:le |el )?${DAY}|(?:kommenden?|nachste[nr]?) ${DAY}`,
    ),
  }),
  at(4, 'raises', 'Call Requested', {
    name: 'call',
    meaning: 'asks for a call',
    example: 'Call me after lunch',
    pattern: phrases(
      '(?:call|ring|phone) (?:me|us)|give (?:me|us) a (?:quick )?(?:call|ring|bell|buzz|shout)',
      '(?:a |me )?call ?back|(?:hop|jump|get) on (?:a|the) (?:quick )?(?:call|phone)',
      '(?:when|can|could|may) (?:can |could )?(?:we|i) (?:speak|talk|chat)',
      '(?:for|have|do|get) a (?:quick |short )?(?:call|chat)|reach me (?:at|on)',
      'my (?:cell|mobile|number|phone|direct line)',
      'rufen sie (?:mich|uns)|anrufen|telefonieren|ruckruf|appelez|rappele[rz]|un appel|llameme',
      'llamame|llamada',
    ),
  }),
  at(4, 'raises', 'Information Requested', {
    name: 'price',
    meaning: 'asks for a price',
    example: 'What does it cost for 40 people?',
    pattern: phrases(
      String.raw`how much (?:is|are|does|do|would|for|will|it)|how much(?= *(?:per|each|\?|$))`,
      '(?:price|pricing|prices|quote),? (?:please|pls|plz)',
      [
        '(?:what|whats|how|send|share|know|get|see|your|have|discuss|need|give) ',
        '(?:[a-z]+ ){0,4}(?:price|prices|pricing|costs?|fees|rates|quote|quotation)',
      ],
      'was kostet|wie teuer|preisliste|preise|ein angebot|quel est le prix|combien|tarifs?|devis',
      'cuanto cuesta|precios?',
    ),
  }),
  at(4, 'raises', 'Interested', {
    name: 'ready',
    meaning: 'is ready for the next step',
    example: 'Let us go ahead, where do we sign?',
    pattern: phrases(
      'ready to (?:go|start|sign|buy|book|move|order|proceed)',
      'let ?(?:us|s) (?:go ahead|do (?:it|this)|get started|get going|start|move forward|proceed)',
      'next steps?',
      `send ${OBJECT}(?:contract|agreement|proposal|invoice|order form|paperwork)`,
      'sign (?:me|us) up|where do (?:i|we) sign|go live',
      'how (?:do|can|could) (?:i|we) (?:get started|start|sign|proceed|buy|order)',
      'what do you need from (?:us|me)|to get started|how soon (?:can|could)',
      'when can (?:you|we) start|(?:want|like) to (?:start|buy|order|sign)|please do',
    ),
  }),
  at(4, 'raises', 'Interested', {
    name: 'urgent',
    meaning: 'is in a hurry',
    example: 'We need this solved asap',
    pattern: phrases(
      '(?<!not |isnt |nothing )urgent(?:ly)?|asap|as soon as possible|desperate(?:ly)?',
      'time[- ]sensitive|deadline',
      'need (?:it|this|that|the [a-z]+|one|something) (?:fast|quickly|now|soon|before|by)|dringend',
      'urgente',
    ),
  }),
]

export const interestSignals: readonly Signal[] = [
  at(2, 'raises', 'Neutral', {
    name: 'who-are-you',
    meaning: 'asks who is writing',
    example: 'Who is this?',
    pattern: phrases(
      'whos? (?:is|are|r) (?:this|you|u|that)|who dis|whos this',
      '(?:how|where) did (?:you|u) (?:get|find) (?:my|our|me|this)[^.!?]{0,20}',
    ),
  }),
  at(3, 'raises', 'Information Requested', {
    name: 'information',
    meaning: 'asks for information',
    example: 'Could you send me more details?',
    pattern: phrases(
      [
        `(?:send|share|see|get|e-?mail|forward) ${OBJECT}(?:info|infos|information|`,
        'details|brochure|deck|case stud(?:y|ies)|examples?|materials?|link|video|',
        'terms|results|references|overview)',
      ],
      '(?:more|further|additional) (?:info|information|details|about)',
      '(?:can|could|would) (?:you|u) (?:share|send|explain|tell)',
      'how (?:does|do|would) (?:it|this|that|yours|you|u) (?:work|do)',
      'schicken sie|unterlagen|mehr infos?|mas informacion|plus dinformations?|en savoir plus',
    ),
  }),
  at(3, 'raises', 'Information Requested', {
    name: 'comparing',
    meaning: 'compares offers',
    example: 'How are you different from other vendors?',
    pattern: phrases(
      'compar(?:e|ed|es|ing|ison)|different (?:from|to|than)|the difference|versus|vs',
      'other (?:vendors?|providers?|quotes?|options|suppliers?|tools)|alternatives? to',
      '(?:looked|looking|had a look) at|evaluat(?:e|ing)|mehrere angebote',
    ),
  }),
  at(3, 'raises', 'Interested', {
    name: 'interested',
    meaning: 'says it is interested',
    example: 'Sounds interesting, tell me more',
    pattern: phrases(
      String.raw`interested(?! ?\?)|interesting|intrigued|keen`,
      'sounds (?:good|great|useful|promising|fun)|looks (?:good|great|useful|promising)',
      'tell me more|(?:im|i am|count me) in|yes,? please',
      [
        '(?:love|like|want|happy|glad) to (?:hear|see|know|learn|look|try|explore|',
        'discuss|understand)',
      ],
      'worth (?:a look|exploring|discussing)|curious|good timing|go on',
      'interessant|interessiert|interesse|gerne|me interesa|nos interesa|interessee?s?|volontiers',
      'avec plaisir',
    ),
  }),
  at(3, 'raises', 'Information Requested', {
    name: 'question',
    meaning: 'asks about the offer',
    example: 'Does it work with Word?',
    pattern: phrases(
      // People leave the question mark away: then only a sentence that starts like a question.
      [
        '(?<=(?:^|[.!?,;] ?))(?:whats|what is|how|do (?:you|u)|does (?:it|this)|can (?:it|you|u)|',
        'is (?:it|there)) [a-z0-9]+',
      ],
      [
        '(?:do|does|can|could|is|are|what|whats|which|how|will|would|did|have|has) ',
        String.raw`(?:[a-z0-9]+ ){0,4}(?:you|your|yours|u|ur|it|this|that|there)\b[^.!?]{0,200}\?`,
      ],
    ),
  }),
  at(2, 'raises', 'Neutral', {
    name: 'undecided',
    meaning: 'is undecided',
    example: 'Not sure, I will think about it',
    pattern: phrases(
      'maybe|perhaps|possibly|not sure|unsure',
      '(?:ill|will|let me|have to|need to|still) think(?:ing)?|(?:dont|do not) know',
      'too (?:expensive|pricey|much money)|ask (?:my|our) [a-z]+|pass (?:it|this|that) on|well see',
    ),
  }),
  at(2, 'raises', 'Follow Up', {
    name: 'busy',
    meaning: 'has no time',
    example: 'Swamped this week',
    pattern: phrases('busy|hectic|swamped|snowed under|slammed|no time|get back to (?:you|u)'),
  }),
]
