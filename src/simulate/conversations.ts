/**
 * What leads say: short scripts by level of intent, each with the score a reader would give it. We
 * are Northpeak, who sell onboarding software to logistics companies.
 */
import type { Persona } from './people.ts'

type Score = 1 | 2 | 3 | 4

export interface Step {
  by: 'us' | 'lead'
  /** `says` a text · `asks_to_stop` with a text · the others happen in the provider's own way. */
  kind: 'says' | 'asks_to_stop' | 'out_of_office' | 'opt_out' | 'bounce'
  /** May hold {first} {company} {seats} {day}. */
  text: string
  /** Before this step: `soon` makes it part of a burst. */
  pause: 'soon' | 'later'
}

export interface Script {
  name: string
  subject: string
  /** Only mail can bounce. */
  mailOnly?: true
  /** Nothing follows an end: opted out, bounced or turned down. */
  ends?: true
  /** What a good score of the whole conversation would be. */
  score: { fit: Score; intent: Score; overall: Score }
  steps: readonly Step[]
}

const us = (text: string): Step => ({ by: 'us', kind: 'says', text, pause: 'later' })
const says = (text: string): Step => ({ by: 'lead', kind: 'says', text, pause: 'later' })
const adds = (text: string): Step => ({ by: 'lead', kind: 'says', text, pause: 'soon' })
const does = (kind: Step['kind'], text = ''): Step => ({ by: 'lead', kind, text, pause: 'later' })
const score = (fit: Score, intent: Score, overall: Score) => ({ fit, intent, overall })

const opener = us(
  'Hi {first}, new drivers take companies like {company} about two weeks to get on the road. ' +
    'We cut that to three days. Worth a short call?',
)
const subject = 'Cutting onboarding time at {company}'

export const scripts: readonly Script[] = [
  {
    name: 'ready-to-book',
    subject,
    score: score(4, 4, 4),
    steps: [
      opener,
      says(
        'We do all of that by hand today. Can you do {day} 2pm ET? What does it cost for {seats} seats?',
      ),
      us('Great, {day} 2pm it is. I will bring the price list.'),
      says('Perfect, see you {day}.'),
      adds('Please send the invite to me and to our depot manager.'),
    ],
  },
  {
    name: 'urgent-burst',
    subject,
    score: score(4, 4, 4),
    steps: [
      opener,
      says('Yes, we are struggling with that, and {seats} new drivers start next month.'),
      adds('We need this solved before then.'),
      adds('Can you call me today?'),
    ],
  },
  {
    name: 'price-now',
    subject: 'Onboarding for {company}',
    score: score(3, 4, 4),
    steps: [opener, says('how much for {seats} people'), adds('and how soon can we start')],
  },
  {
    name: 'compares',
    subject,
    score: score(4, 3, 3),
    steps: [
      opener,
      says('We use spreadsheets and a wiki today. How are you different for warehouse staff?'),
      us('Everything runs on the phone, in their language, and reports to your HR system.'),
      says('And does it integrate with our payroll? We are looking at two other vendors as well.'),
    ],
  },
  {
    name: 'asks-for-details',
    subject,
    score: score(3, 3, 3),
    steps: [opener, says('Could you send me more details?'), adds('A one-pager would do.')],
  },
  {
    name: 'asks-for-proof',
    subject: 'A question about new drivers at {company}',
    score: score(4, 3, 3),
    steps: [
      opener,
      says('Interesting. Do you have a case study of a logistics company with {seats} drivers?'),
    ],
  },
  {
    name: 'next-quarter',
    subject,
    score: score(3, 2, 2),
    steps: [opener, says('Bad timing, the budget is spent. Try me again next quarter.')],
  },
  {
    name: 'just-exploring',
    subject,
    score: score(3, 2, 2),
    steps: [opener, says('We are just exploring for now, nothing concrete.')],
  },
  {
    name: 'who-is-this',
    subject: 'Quick question, {first}',
    score: score(2, 2, 2),
    steps: [says('Who is this?'), us('Sam from Northpeak, about onboarding.'), says('Hm, ok.')],
  },
  {
    name: 'wrong-person',
    subject,
    score: score(2, 2, 2),
    steps: [opener, says('I am not the right person, you would want our head of HR.')],
  },
  {
    name: 'turns-down',
    subject,
    ends: true,
    score: score(3, 1, 1),
    steps: [opener, says('Thanks, but we are not interested. We are happy with what we have.')],
  },
  {
    name: 'changes-mind',
    subject,
    ends: true,
    score: score(3, 1, 1),
    steps: [
      opener,
      says('Sounds interesting, how does it work?'),
      us('Happy to show you. When can we talk?'),
      says('We discussed it internally and decided against it. Please close this out.'),
    ],
  },
  {
    name: 'not-a-fit',
    subject,
    ends: true,
    score: score(1, 1, 1),
    steps: [opener, says('We are a dental practice, no drivers here. You have the wrong company.')],
  },
  {
    name: 'out-of-office-then-yes',
    subject,
    score: score(3, 4, 4),
    steps: [
      opener,
      does('out_of_office'),
      says('Back now. {day} morning works for me, can you show me a demo?'),
    ],
  },
  {
    name: 'out-of-office-only',
    subject: 'Quick question, {first}',
    score: score(2, 2, 2),
    steps: [opener, does('out_of_office')],
  },
  {
    name: 'opts-out',
    subject,
    ends: true,
    score: score(1, 1, 1),
    steps: [opener, does('opt_out')],
  },
  {
    name: 'asks-then-opts-out',
    subject,
    ends: true,
    score: score(1, 1, 1),
    steps: [opener, says('Where did you get my contact from?'), does('opt_out')],
  },
  {
    name: 'asks-in-words-to-stop',
    subject,
    ends: true,
    score: score(1, 1, 1),
    steps: [opener, does('asks_to_stop', 'Please remove me from your list.')],
  },
  {
    name: 'bounces',
    subject,
    mailOnly: true,
    ends: true,
    score: score(1, 1, 1),
    steps: [opener, does('bounce')],
  },
]

/** What an open conversation goes on with; the score of its script stays good enough. */
export const followUps: readonly (readonly Step[])[] = [
  [says('One more question: does it also cover contractors?')],
  [says('My colleague from the depot would like to join.'), adds('Is that fine?')],
  [
    says('How long does the rollout take?'),
    adds('We have three sites.'),
    adds('All in one state.'),
  ],
  [us('Did you have a chance to look at it, {first}?')],
  [says('Got it, thank you.')],
  [us('Shall I send our security sheet?'), says('Yes please.')],
]

/** The script's text for this person. */
export function spoken(text: string, { firstName, company, seats }: Persona, day: string): string {
  return text
    .replaceAll('{first}', firstName)
    .replaceAll('{company}', company)
    .replaceAll('{seats}', String(seats))
    .replaceAll('{day}', day)
}
