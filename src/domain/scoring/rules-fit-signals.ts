/**
 * The signals of fit: what a lead says about itself that makes it no customer, or shows a need.
 * What the profile and the ideal customer profile add is in `rules-icp.ts`. Unlike intent, a
 * referral (`holds`) outweighs a 'wrong person' (`ends`): the company may still fit.
 */
import { fitSignal as at, phrases, type Signal } from './rules-signal.ts'

export const fitSignals: readonly Signal[] = [
  at(2, 'holds', {
    name: 'referral',
    meaning: 'names somebody else to talk to',
    example: 'You should talk to our CFO about that',
    pattern: phrases(
      [
        '(?:you|youd|you would|you will|youll) (?:want|need|should|better|have to) ?',
        '(?:to )?(?:talk to|speak (?:to|with)|contact|reach|ask|e-?mail|[a-z]+ in the office)',
      ],
      '(?:better|right|best) (?:person|contact) (?:is|would be|to talk)',
      '(?:please )?(?:contact|reach out to|speak to|talk to|ask) (?:my|our) [a-z]+',
      '(?:i am )?(?:cc|copy|loop)(?:ing|ed|d)(?: in)?',
      '(?:pass|forward)(?:ed|ing)? (?:it|this|that|you|your) [a-z ]{0,15}(?:on )?to',
    ),
  }),
  at(1, 'ends', {
    name: 'wrong-company',
    meaning: 'says it is the wrong company',
    example: 'You have the wrong company',
    pattern: phrases(
      'wrong (?:company|business|number|address|e-?mail|industry|place)',
      [
        '(?:we are|i am|it is|its|this is|were|we) not (?:actually )?an? [a-z ]{0,24}',
        '(?:company|firm|business|shop|store|agency|practice|school|clinic|',
        'restaurant|manufacturer)',
      ],
      'not (?:really )?(?:an? |the right |a good |the best )?(?:fit|match)',
      '(?:doesnt|does not) apply to (?:us|me)|not relevant (?:for|to) (?:us|me)',
      'not who (?:you|u) are (?:looking for|after)|(?:we|i) (?:do not|dont) do (?:that|this|any)',
    ),
  }),
  at(1, 'ends', {
    name: 'wrong-person',
    meaning: 'says it is the wrong person',
    example: 'I am not the right person for this',
    pattern: phrases(
      'wrong (?:person|guy|contact)|not the (?:right|correct|best) (?:person|contact|one)',
      '(?:thats|that is|this is|it is|its) not me|not my (?:area|department|job|responsibility)',
      '(?:dont|do not) (?:handle|deal with|look after|decide)',
    ),
  }),
  at(1, 'ends', {
    name: 'gone',
    meaning: 'has left or closed the business',
    example: 'I sold the company and retired',
    pattern: phrases(
      'no longer (?:works?|working|employed|with|at|in business|own)',
      '(?:have |ve )?left the (?:company|business|firm)|(?:i am|i|ive|and) (?:now )?retired',
      'sold (?:the|my|our) (?:company|business|practice|shop|firm)',
      '(?:closed|closing|shut|shutting) (?:down|the (?:business|shop|doors))|out of business',
      'passed away|bankrupt(?:cy)?|insolvent',
    ),
  }),
  at(1, 'ends', {
    name: 'student-or-applicant',
    meaning: 'is a student or looks for work',
    example: 'I am a student writing a thesis',
    pattern: phrases(
      'i am an? (?:[a-z]+ )?(?:student|intern)|my (?:thesis|dissertation|homework|cv|resume)',
      '(?:a|bachelor|master) thesis|looking for (?:a|an) (?:job|internship|position)',
      '(?:have|got) (?:any|a) (?:jobs?|vacancy|job openings?)|apply for',
    ),
  }),
  at(1, 'ends', {
    name: 'seller',
    meaning: 'sells instead of buys',
    example: 'We are a competitor of yours',
    pattern: phrases(
      '(?:a|your|direct) competitor|competitors of yours|(?:sell|offer|provide|do) the same',
      'backlinks?|guest posts?|(?:first page|google) rankings?|seo services?|our services include',
      'outsourcing (?:company|partner)',
    ),
  }),
  at(1, 'ends', {
    name: 'lacks-precondition',
    meaning: 'lacks what the offer needs',
    example: 'We do not have a website',
    pattern: phrases(
      [
        '(?:dont|do not|doesnt) have (?:an?|any|our own) (?:[a-z]+ ){0,2}(?:shop|',
        'store|employees|staff|website|site|fleet|warehouse|building|office|team|product|roof)',
      ],
      'no (?:employees|staff)',
    ),
  }),
  at(3, 'raises', {
    name: 'need',
    meaning: 'states a need',
    example: 'We are struggling with our current provider',
    pattern: phrases(
      '(?:we|i|really|and|d) need (?!to (?:cancel|think|ask|go|talk|check))',
      '(?:we are|i am|were|been) (?:looking for|in the market|after an?)|struggl(?:e|es|ing)',
      '(?:help|problems?|trouble|issues?) with|overcharg(?:ed|ing)|fed up|killing us|lets? us down',
      'by hand|manually|clunky|too (?:slow|many errors)|not (?:great|working)|nuts|a nightmare',
      '(?:we|i) want to (?:start|switch|replace|grow|cut|reduce|automate)',
    ),
  }),
  at(3, 'raises', {
    name: 'uses-alternative',
    meaning: 'uses something comparable today',
    example: 'We use spreadsheets today',
    pattern: phrases(
      '(?:we are|i am|currently|were) (?:on|using|with) [a-z0-9]+',
      '(?:we|i) (?:currently |now |already )?(?:use|run on) [a-z0-9]+',
      [
        '(?:our|my) (?:current|existing|old|present) (?:provider|supplier|vendor|',
        'tool|system|software|contract|agency|solution|carrier)',
      ],
    ),
  }),
]
