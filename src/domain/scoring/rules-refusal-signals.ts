/**
 * The signals of little or no intent, strongest first: refusals, then delays. Phrases are plain
 * text (see `rules-text.ts`): no accents, no apostrophes.
 */
import { anyOf, intentSignal as at, phrases, type Signal } from './rules-signal.ts'

const NOT = '(?:not|never|isnt|arent|wasnt|no longer)'
const DO_NOT = '(?:dont|do not|never|stop|quit)'
const LATER = anyOf(
  'year|quarter|spring|summer|autumn|fall|winter|season|budget cycle|january|february|march|april',
  'june|july|august|september|october|november|december|q[1-4]',
)

export const refusalSignals: readonly Signal[] = [
  // Certain opt-outs are no `text` any more (`message-rules.ts`); these are the wordings left over.
  at(1, 'ends', 'Not Interested', {
    name: 'no-contact',
    meaning: 'asks not to be contacted',
    example: 'Please remove me from your list',
    pattern: phrases(
      String.raw`unsubscribe|opt(?:ing)? (?:me )?out|(?<=^\W{0,3})stop(?=\W{0,5}$)`,
      [
        String.raw`(?:remove|take|delete) (?:me|us|my|our)\b[^.!?]{0,20}(?:off|from|list|data|`,
        'details|e-?mail|address)',
      ],
      '(?:please )?remove (?:me|us)',
      [
        `${DO_NOT} (?:ever )?(?:e-?mail|call|contact|text|message|writ|spamm?|bother|`,
        'pester|sms)(?:e|ing)?(?: (?:me|us|again|any ?more|here|this number)){1,3}',
        // 'Do not call me before noon' invites a call.
        '(?! (?:before|until|at|on|today|this|but))',
      ],
      'lose my (?:number|e-?mail|address)|no (?:more|further) (?:e-?mails|messages|calls|texts)',
      'keine weiteren|abmelden|austragen|retirer de (?:votre|la) liste|desinscri[a-z]*',
      'darme de baja|no me (?:contacte|escriba|llame)[a-z]*',
    ),
  }),
  at(1, 'ends', 'Not Interested', {
    name: 'hostile',
    meaning: 'is hostile',
    example: 'Leave me alone or I will report you',
    pattern: phrases(
      String.raw`f(?:u|\*)[c*]?[k*]{1,4}(?:ing|ed)?(?: off| you)?|piss off|bugger off|get lost`,
      'go away|shut up',
      'leave (?:me|us) alone|harass[a-z]*|report(?:ing)? (?:you|this)|legal action',
      'cease and desist',
      [
        String.raw`(?:this is|you are|your|more|such|you guys are) (?:\w+ )?`,
        '(?:spam|spammers?|scam|scammers?|idiots?)',
      ],
      'go to hell|screw you',
    ),
  }),
  at(2, 'holds', 'Follow Up', {
    name: 'not-interested-now',
    meaning: 'declines for now',
    example: 'Not interested at the moment',
    pattern: phrases([
      `(?:${NOT} (?:really |currently )?(?:interested|looking|needed|something we need)|`,
      '(?:dont|do not) need (?:this|it|that)) ',
      '(?:right now|just now|for now|yet|currently|today|this (?:year|quarter|month)|',
      'at (?:the|this) (?:moment|time|point|stage))',
    ]),
  }),
  at(1, 'ends', 'Not Interested', {
    name: 'rejection',
    meaning: 'declines',
    example: 'Thanks, but we are not interested',
    pattern: phrases(
      `${NOT} (?:(?:at all|really|remotely|particularly|very|that) ){0,2}interested`,
      '(?:no|zero) interest|lost interest|(?:was|were) interested[^.!?]{0,30} not any ?more',
      'no longer (?:need|want|require|looking)|rather not|lol no',
      [
        '(?:dont|do not) (?:think|believe|feel) (?:this|it|that|your|we|i)[^.!?]{0,20} ',
        '(?:for (?:me|us)|fit|match|interested|relevant|need (?:this|it|that))',
      ],
      '(?:no|not accept|dont accept) (?:solicitations?|soliciting|cold (?:calls|e-?mails))',
      [
        'already (?:have|work with|use) (?:an?|our|one|somebody|someone)[^.!?]{0,15}',
        '(?:provider|vendor|supplier|agency|partner|solution)',
      ],
      'no,? thanks|no,? thank you|thanks,? but no|hard pass',
      '(?:ill|we will|i will|well|going to|have to) pass(?! (?:it|this|that|on))',
      '(?<=(?:^|[.!?,;] ?))pass(?=[.!?]|$)',
      'decided against',
      '(?:gone|going|went) with (?:another|someone|somebody|a different|a competitor)',
      'chose (?:another|someone)',
      'no need(?! (?:to|for))|(?:dont|do not) (?:need|want) (?:this|it|that|any|your|anything|one)',
      'not needed',
      '(?:very |quite |perfectly )?happy with (?:our|my|the|what|who)',
      [
        '(?:we are|i am|were|we) (?:all )?(?:set|good|sorted|covered)',
        '(?= *(?:[.!?,]|thanks|thank|here|$))',
      ],
      'nah',
      'not for (?:me|us)|not an? (?:good |great |real |right )?(?:fit|match)|wrong number',
      [
        '(?:do not|dont|never) (?:use|work with) (?:agencies|vendors|consultants|',
        'third parties|outside)',
      ],
      'please close (?:this|my|the)|close this out|stop wasting|waste of (?:my |our )?time',
      'kein(?:e|en)? (?:interesse|bedarf)|nein,? danke|nicht interessiert',
      'pas (?:du tout )?interesse(?:e|s)?|non,? merci|no (?:me|nos) interesa|no,? gracias',
      'no (?:estoy|estamos) interesad[oa]s?',
    ),
  }),
]

export const delaySignals: readonly Signal[] = [
  at(2, 'holds', 'Follow Up', {
    name: 'bad-timing',
    meaning: 'puts it off',
    example: 'Bad timing, maybe next year',
    pattern: phrases(
      'not (?:right )?now|not (?:at|for) (?:this|the) (?:time|moment|stage|point)',
      'not (?:yet|today|this (?:year|quarter|month))',
      'bad tim(?:e|ing)|not (?:a|the) (?:good|great|right|best) time',
      'not (?:a|our|my|the) (?:top )?priority|too (?:early|soon)|(?:on|to) the back ?burner',
      'on hold',
      '(?:no|out of|without) budget|budgets? (?:is|are) (?:frozen|spent|tight|gone)',
      '(?:hiring|spending|budget) freeze',
      `(?:next|end of|end of next|late|early|later) ${LATER}|later (?:this|in the) ${LATER}`,
      `(?:in|until) (?:the )?(?:new year|${LATER})`,
      [
        String.raw`(?:in|after) (?:a few|a couple of|several|\d{1,2}|two|three|four|six|twelve)`,
        ' (?:weeks|months|years)',
      ],
      'few months|next month',
      [
        '(?:try|ping|contact|reach out|check|circle|come|write|touch base|follow up|',
        'get in touch)(?: (?:me|us|back|in|again|out|to|with)){0,3} (?:later|another time|then)',
      ],
      'maybe (?:later|another time|some other time)|revisit',
      'keep (?:us|me|you|this|it) (?:on file|posted|in mind)',
      '(?:just|recently|only) (?:signed|renewed|switched)|locked in(?:to)?',
      '(?:under|in a) contract (?:until|till|for)|have to cancel|need to cancel',
      'when (?:it|things) (?:calms?|settles?) down',
      '(?:momentan|derzeit|zurzeit|aktuell) (?:leider )?(?:nicht|kein[a-z]*|keine zeit)|spater',
      'nachstes jahr|im (?:fruhjahr|sommer|herbst|winter)|keine zeit',
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
